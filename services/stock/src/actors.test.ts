import { createClient } from "@connectrpc/connect";
import { testActors } from "@sagacart/chassis/testing/actor-tests";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { testStock } from "./testing/stock.ts";

testActors(async () => {
  const service = await testStock();
  const price = { currencyCode: "EUR", minorUnits: 100n };

  async function newProduct(): Promise<string> {
    const id = crypto.randomUUID();
    await service.have({ [id]: 5 });
    return id;
  }

  async function reserved(productId: string): Promise<string> {
    const { reservation } = await service.stock.reserveStock({ lines: [{ productId, quantity: 2 }] });
    return reservation?.id ?? "";
  }

  return {
    ...service,
    domain: "stock.sagacart",
    byHand(transport, operator) {
      const stock = createClient(StockService, transport);
      const products = createClient(ProductService, transport);
      /** The person or program that last moved the goods of a product. */
      const moverOf = async (productId: string) =>
        (await stock.listMovements({ productId }, operator)).movements[0]?.actor;
      const actorOf = async (id: string) => (await stock.getReservation({ id }, operator)).reservation?.actor;
      return {
        async CreateProduct(as) {
          const { product } = await products.createProduct({ product: { title: "x", price }, initialOnHand: 3 }, as);
          return await moverOf(product?.id ?? "");
        },
        async BatchPutProducts(as) {
          const id = crypto.randomUUID();
          await products.batchPutProducts({ items: [{ product: { id, title: "x", price }, onHand: 3 }] }, as);
          return await moverOf(id);
        },
        async AdjustStock(as) {
          const productId = await newProduct();
          await stock.adjustStock({ productId, delta: -1 }, as);
          return await moverOf(productId);
        },
        async SetStock(as) {
          const productId = await newProduct();
          await stock.setStock({ productId, target: { level: { case: "onHand", value: 9 } } }, as);
          return await moverOf(productId);
        },
        async UpdateProduct(as) {
          const id = await newProduct();
          const level = { case: "onHand", value: 9 } as const;
          await products.updateProduct({ product: { id, title: "y", price }, stock: { level } }, as);
          return await moverOf(id);
        },
        async ReserveStock(as) {
          const lines = [{ productId: await newProduct(), quantity: 1 }];
          const { reservation } = await stock.reserveStock({ lines }, as);
          return await actorOf(reservation?.id ?? "");
        },
        async ReleaseReservation(as) {
          const id = await reserved(await newProduct());
          await stock.releaseReservation({ id }, as);
          return await actorOf(id);
        },
        async ReleaseManually(as) {
          const productId = await newProduct();
          const id = await reserved(productId);
          await stock.releaseManually({ productId, quantity: 1 }, as);
          return await actorOf(id);
        },
      };
    },
    others: { DeleteProduct: "changes no level" },
  };
});
