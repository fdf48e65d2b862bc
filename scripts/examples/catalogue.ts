import { type Scene, usd } from "./scene.ts";

/** Products, their stock and reservations by hand. */
export async function recordCatalogue({ call, admin: token }: Scene): Promise<void> {
  await call("listProducts", { query: { pageSize: 2 } });
  await call("getProduct", { path: { id: "product.mouse" } });
  await call("batchGetProducts", { query: { ids: ["product.mouse", "product.keyboard"] } });
  await call("searchProducts", {
    query: { query: "mouse", "maxPrice.currencyCode": "USD", "maxPrice.minorUnits": "10000", pageSize: 2 },
  });
  const { product } = await call("createProduct", {
    token,
    body: {
      product: { sku: "TEAPOT-006", title: "Teapot", description: "Holds a litre.", price: usd(2_499) },
      initialOnHand: 20,
    },
  });
  const productId: string = product.id;
  await call("updateProduct", {
    token,
    path: { id: productId },
    query: { updateMask: "title,price" },
    body: { title: "Teapot, blue", price: usd(2_299) },
  });
  await call("adjustStock", {
    token,
    path: { productId },
    body: { delta: 5, reason: "REASON_RECEIPT", reference: "delivery note 1207" },
  });
  await call("setStock", {
    token,
    path: { productId },
    body: { target: { onHand: 24, expected: 25, reference: "stocktaking" } },
  });
  await call("listMovements", { token, path: { productId }, query: { pageSize: 2 } });
  const reserve = async (quantity: number) =>
    await call("reserveStock", { token, body: { kind: "KIND_MANUAL", lines: [{ productId, quantity }] } });
  const { reservation } = await reserve(2);
  await call("getReservation", { token, path: { id: reservation.id } });
  await call("listReservations", { token, query: { kind: "KIND_MANUAL", productId, pageSize: 1 } });
  await call("releaseReservation", { token, path: { id: reservation.id }, body: {} });
  await reserve(3);
  await call("releaseManually", { token, path: { productId }, body: { quantity: 1 } });
  await call("deleteProduct", { token, path: { id: productId }, query: { releaseManual: true } });
}
