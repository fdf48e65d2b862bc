import { testRequestIds } from "@sagacart/chassis/testing/request-id-tests";
import { testStock } from "./testing/stock.ts";

testRequestIds(async () => {
  const service = await testStock();
  const price = (minorUnits: string) => ({ currencyCode: "EUR", minorUnits });
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  async function newProduct(): Promise<string> {
    const id = crypto.randomUUID();
    await service.have({ [id]: 50 });
    return id;
  }

  /** A product of which some are reserved by hand. */
  async function newReservedProduct(): Promise<string> {
    const productId = await newProduct();
    await service.stock.reserveStock({ lines: [{ productId, quantity: 9 }] });
    return productId;
  }

  return {
    ...service,
    domain: "stock.sagacart",
    cases: {
      async AdjustStock() {
        return {
          request: { productId: await newProduct(), delta: 5, reason: "REASON_RECEIPT", reference: "truck 1" },
          others: {
            productId: { productId: await newProduct() },
            delta: { delta: 6 },
            reason: { reason: "REASON_CORRECTION" },
            reference: { reference: "truck 2" },
          },
        };
      },
      async SetStock() {
        return {
          request: { productId: await newProduct(), target: { onHand: 5 } },
          others: { productId: { productId: await newProduct() }, target: { target: { available: 5 } } },
        };
      },
      async ReserveStock() {
        const productId = await newProduct();
        return {
          request: { id: crypto.randomUUID(), kind: "KIND_MANUAL", lines: [{ productId, quantity: 1 }] },
          others: {
            id: { id: crypto.randomUUID() },
            kind: { kind: "KIND_ORDER" },
            lines: { lines: [{ productId, quantity: 2 }] },
            expireTime: { expireTime: inAnHour() },
          },
        };
      },
      async ReleaseManually() {
        return {
          request: { productId: await newReservedProduct(), quantity: 1 },
          others: { productId: { productId: await newReservedProduct() }, quantity: { quantity: 2 } },
        };
      },
      async CreateProduct() {
        const id = crypto.randomUUID();
        return {
          request: { product: { id, title: "lamp", price: price("100") }, initialOnHand: 1 },
          others: {
            product: { product: { id: crypto.randomUUID(), title: "lamp", price: price("100") } },
            initialOnHand: { initialOnHand: 2 },
          },
        };
      },
      async UpdateProduct() {
        const id = await newProduct();
        return {
          request: { product: { id, title: "lamp", price: price("200") }, updateMask: "title", stock: { onHand: 5 } },
          others: {
            product: { product: { id: await newProduct(), title: "lamp", price: price("200") } },
            updateMask: { updateMask: "title,price" },
            stock: { stock: { onHand: 6 } },
          },
        };
      },
    },
  };
});
