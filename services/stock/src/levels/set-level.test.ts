import { Code } from "@connectrpc/connect";
import { Reservation_Kind } from "@sagacart/proto/stock/v1/reservation";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { breaches, failure, type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterEach(async () => {
  expect(await breaches(shop.pool)).toEqual([]);
});
afterAll(() => shop[Symbol.asyncDispose]());

const many = <T>(n: number, make: (index: number) => T) =>
  Promise.all(Array.from({ length: n }, (_, index) => make(index)));
const available = (value: number) => ({ level: { case: "available" as const, value } });
const onHand = (value: number) => ({ level: { case: "onHand" as const, value } });
const price = (minorUnits: bigint) => ({ currencyCode: "EUR", minorUnits });

test("an absolute level is what is set, whatever was there and whatever is reserved", async () => {
  await shop.have({ set: 10 });
  await shop.stock.reserveStock({ lines: [{ productId: "set", quantity: 4 }] });

  const { product } = await shop.stock.setStock({ productId: "set", target: available(60) });
  expect(product).toMatchObject({ onHand: 64, reserved: 4, available: 60 });
  await shop.stock.setStock({ productId: "set", target: { ...onHand(5), reference: "count 7" } });
  expect(await shop.level("set")).toEqual([5, 4]);
  await shop.stock.setStock({ productId: "set", target: available(1) });

  const { movements } = await shop.stock.listMovements({ productId: "set" });
  expect(movements.map(({ delta, reference }) => [delta, reference])).toEqual([
    [-59, "count 7"],
    [54, ""],
    [10, ""],
  ]);
});

test.each<[what: string, call: (id: string) => Promise<unknown>]>([
  ["SetStock, available", (id: string) => shop.stock.setStock({ productId: id, target: available(60) })],
  ["SetStock, on hand", (id: string) => shop.stock.setStock({ productId: id, target: onHand(60) })],
  [
    "UpdateProduct with the stock and the price",
    (id: string) => shop.products.updateProduct({ product: { id, price: price(7n) }, stock: available(60) }),
  ],
])("parallel calls of %s end with the level that all of them set", async (what, call) => {
  const id = what.replaceAll(/\W/g, "");
  await shop.have({ [id]: 100 });

  await many(20, () => call(id));

  expect(await shop.level(id)).toEqual([60, 0]);
});

test("a level that is set while others reserve leaves them what they have", async () => {
  await shop.have({ busy: 100 });
  const reserve = () => shop.stock.reserveStock({ lines: [{ productId: "busy", quantity: 1 }] });
  const set = () => shop.stock.setStock({ productId: "busy", target: available(60) });

  await many<Promise<unknown>>(40, (index) => (index % 2 === 0 ? reserve() : set()));

  // The last one that was set decides, and what was reserved after it is taken from that.
  const [hand, reserved] = await shop.level("busy");
  expect(reserved).toBe(20);
  expect(hand - reserved).toBeGreaterThanOrEqual(40);
  expect(hand - reserved).toBeLessThanOrEqual(60);
});

test("of parallel calls that expect a level, one sets it and the others are told the level of now", async () => {
  await shop.have({ expected: 100 });

  const outcomes = await many(10, (index) =>
    shop.stock.setStock({ productId: "expected", target: { ...available(50 + index), expected: 100 } }).then(
      () => "set",
      (error) => failure(Promise.reject(error)),
    ),
  );

  expect(outcomes.filter((outcome) => outcome === "set")).toHaveLength(1);
  const [now] = await shop.level("expected");
  for (const refused of outcomes.filter((outcome) => outcome !== "set")) {
    expect(refused).toMatchObject({
      code: Code.Aborted,
      reason: "STOCK_CHANGED",
      message: `product expected has ${now} to sell, and 100 were expected; read it again`,
      metadata: { product_id: "expected", available: String(now), expected: "100" },
    });
  }
});

test.each([
  ["more than a level has", { target: available(1_000_000_000) }, "STOCK_LIMIT"],
  ["less on hand than is reserved", { target: onHand(2) }, "INSUFFICIENT_STOCK"],
  ["another level than the expected one", { target: { ...available(9), expected: 1 } }, "STOCK_CHANGED"],
])("a change whose stock is refused (%s) changes neither stock nor price", async (what, { target }, reason) => {
  const id = what.replaceAll(/\W/g, "");
  await shop.have({ [id]: 5 });
  await shop.stock.reserveStock({ lines: [{ productId: id, quantity: 3 }] });
  const before = (await shop.products.getProduct({ id })).product;

  const update = shop.products.updateProduct({ product: { id, price: price(9n) }, stock: target });
  expect(await failure(update)).toMatchObject({ reason });
  expect(await failure(shop.stock.setStock({ productId: id, target }))).toMatchObject({ reason });

  expect((await shop.products.getProduct({ id })).product).toEqual(before);
});

test("a change whose price is refused does not set the stock", async () => {
  await shop.have({ both: 5 });
  const stale = shop.products.updateProduct({ product: { id: "both", etag: "9", price: price(9n) }, stock: onHand(1) });

  expect(await failure(stale)).toMatchObject({ reason: "ETAG_MISMATCH" });
  expect(await shop.level("both")).toEqual([5, 0]);
});

test.each<[id: string, call: (request: { id: string; requestId: string; level: number }) => Promise<unknown>]>([
  [
    "SetStock",
    (request: { id: string; requestId: string; level: number }) =>
      shop.stock.setStock({ productId: request.id, target: available(request.level), requestId: request.requestId }),
  ],
  [
    "UpdateProduct",
    (request: { id: string; requestId: string; level: number }) =>
      shop.products.updateProduct({
        product: { id: request.id },
        stock: available(request.level),
        requestId: request.requestId,
      }),
  ],
])("a repeat of %s with its key does not put back what was sold since", async (id, call) => {
  await shop.have({ [id]: 0 });
  await call({ id, requestId: `${id}-1`, level: 10 });
  await shop.stock.adjustStock({ productId: id, delta: -4 });

  await many(5, () => call({ id, requestId: `${id}-1`, level: 10 }));

  expect(await shop.level(id)).toEqual([6, 0]);
  expect(await failure(call({ id, requestId: `${id}-1`, level: 11 }))).toMatchObject({ reason: "REQUEST_ID_REUSED" });
});

test("the level of an unknown or deleted product cannot be set, nor one without a quantity", async () => {
  await shop.have({ gone: 0 });
  await shop.products.deleteProduct({ id: "gone" });

  for (const productId of ["nowhere", "gone"]) {
    const refused = await failure(shop.stock.setStock({ productId, target: onHand(1) }));
    expect(refused).toMatchObject({ code: Code.NotFound, reason: "PRODUCT_NOT_FOUND" });
  }
  expect(await failure(shop.stock.setStock({ productId: "gone" }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "target" }],
  });
  expect(await failure(shop.stock.setStock({ productId: "gone", target: {} }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "target.level" }],
  });
});

test("a deletion that releases what is reserved by hand does so; an order's reservation prevents it", async () => {
  await shop.have({ byhand: 9, other: 9 });
  const reserve = (id: string, kind: Reservation_Kind, productIds: string[]) =>
    shop.stock.reserveStock({ id, kind, lines: productIds.map((productId) => ({ productId, quantity: 2 })) });
  await reserve("hand-1", Reservation_Kind.MANUAL, ["byhand"]);
  await reserve("hand-2", Reservation_Kind.MANUAL, ["byhand", "other"]);
  await reserve("order-1", Reservation_Kind.ORDER, ["byhand"]);

  const remove = (releaseManual: boolean) => shop.products.deleteProduct({ id: "byhand", releaseManual });
  expect(await failure(remove(false))).toMatchObject({ reason: "PRODUCT_RESERVED", metadata: { reserved: "6" } });
  expect(await failure(remove(true))).toMatchObject({ reason: "PRODUCT_RESERVED", metadata: { reserved: "2" } });
  expect(await shop.level("byhand")).toEqual([9, 6]);

  await shop.stock.releaseReservation({ id: "order-1" });
  await remove(true);
  expect(await failure(shop.products.getProduct({ id: "byhand" }))).toMatchObject({ reason: "PRODUCT_NOT_FOUND" });
  expect(await shop.level("other")).toEqual([9, 2]);
});

test("reservations by hand and a deletion at the same time end with nothing reserved of a deleted product", async () => {
  await shop.have({ raced: 100 });
  const outcomes = await many(30, (index) =>
    index === 10
      ? shop.products.deleteProduct({ id: "raced", releaseManual: true }).then(() => "deleted")
      : shop.stock.reserveStock({ lines: [{ productId: "raced", quantity: 1 }] }).then(
          () => "reserved",
          async (error) => (await failure(Promise.reject(error))).reason,
        ),
  );

  expect(outcomes[10]).toBe("deleted");
  const others = outcomes.filter((_, index) => index !== 10);
  expect(others.filter((outcome) => outcome !== "reserved" && outcome !== "PRODUCT_NOT_FOUND")).toEqual([]);
  const { rows } = await shop.pool.query("select reserved, deleted from levels where product_id = 'raced'");
  expect(rows).toEqual([{ reserved: 0, deleted: true }]);
});
