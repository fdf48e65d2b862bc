import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { Reservation_Kind as Kind, Reservation_State as State } from "@sagacart/proto/stock/v1/reservation";
import { Movement_Reason as Reason } from "@sagacart/proto/stock/v1/stock_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { breaches, failure, nameOf, type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterAll(async () => {
  expect(await breaches(shop.pool)).toEqual([]);
  await shop[Symbol.asyncDispose]();
});

test("movements are listed newest first, and add up to what is on hand", async () => {
  await shop.have({ pen: 0 });
  const adjust = (delta: number, reason: Reason, reference: string) =>
    shop.stock.adjustStock({ productId: "pen", delta, reason, reference });
  await adjust(10, Reason.UNSPECIFIED, "note 1");
  await adjust(-3, Reason.UNSPECIFIED, "broken");
  await adjust(2, Reason.RETURN, "order-7");
  const { product } = await adjust(-1, Reason.CORRECTION, "");

  expect(product).toMatchObject({ onHand: 8, reserved: 0, available: 8, etag: "1" });
  const { movements } = await shop.stock.listMovements({ productId: "pen" });
  expect(movements.map(({ delta, reason, reference }) => [delta, nameOf(Reason, reason), reference])).toEqual([
    [-1, "CORRECTION", ""],
    [2, "RETURN", "order-7"],
    [-3, "CORRECTION", "broken"],
    [10, "RECEIPT", "note 1"],
  ]);
});

test("an adjustment is done once per request id", async () => {
  await shop.have({ ink: 1 });
  const request = { productId: "ink", delta: 5, requestId: "ink-5" };

  const first = await shop.stock.adjustStock(request);
  expect(await shop.stock.adjustStock(request)).toEqual(first);

  expect(await shop.level("ink")).toEqual([6, 0]);
  expect(await failure(shop.stock.adjustStock({ ...request, delta: 4 }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "REQUEST_ID_REUSED",
  });
  expect(
    await failure(shop.stock.releaseManually({ productId: "ink", quantity: 5, requestId: "ink-5" })),
  ).toMatchObject({ reason: "REQUEST_ID_REUSED" });
});

test("reserved stock cannot be removed, and at most a billion can be on hand", async () => {
  await shop.have({ cup: 5 });
  await shop.stock.reserveStock({ lines: [{ productId: "cup", quantity: 3 }] });
  const adjust = (productId: string, delta: number) => failure(shop.stock.adjustStock({ productId, delta }));

  expect(await adjust("cup", -3)).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "INSUFFICIENT_STOCK",
    message: "product cup has 5 on hand, 3 of them reserved: 3 cannot be removed, at most 2",
    metadata: { product_id: "cup", on_hand: "5", reserved: "3" },
  });
  expect(await adjust("cup", 1_000_000_000)).toMatchObject({ code: Code.FailedPrecondition, reason: "STOCK_LIMIT" });
  expect(await adjust("nowhere", 1)).toMatchObject({ code: Code.NotFound, reason: "PRODUCT_NOT_FOUND" });
  await shop.stock.adjustStock({ productId: "cup", delta: -2 });
  await shop.stock.adjustStock({ productId: "cup", delta: 999_999_997 });
  expect(await shop.level("cup")).toEqual([1_000_000_000, 3]);
});

test("movements are listed page by page; an unknown product is an error", async () => {
  await shop.have({ hat: 1 });
  for (const delta of [2, 3, 4]) {
    await shop.stock.adjustStock({ productId: "hat", delta });
  }

  const first = await shop.stock.listMovements({ productId: "hat", pageSize: 2 });
  const second = await shop.stock.listMovements({ productId: "hat", pageSize: 2, pageToken: first.nextPageToken });

  expect([...first.movements, ...second.movements].map(({ delta }) => delta)).toEqual([4, 3, 2, 1]);
  expect(second.nextPageToken).toBe("");
  expect(await failure(shop.stock.listMovements({ productId: "nowhere" }))).toMatchObject({
    code: Code.NotFound,
    reason: "PRODUCT_NOT_FOUND",
  });
  const others = { productId: "cup", pageToken: first.nextPageToken };
  expect(await failure(shop.stock.listMovements(others))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "BAD_PAGE_TOKEN",
  });
});

test("a manual release takes from the oldest manual reservations first", async () => {
  await shop.have({ bag: 20, box: 20 });
  const reserve = (id: string, bag: number, fields: object = {}) =>
    shop.stock.reserveStock({ id, lines: [{ productId: "bag", quantity: bag }], ...fields });
  await reserve("m1", 2);
  await reserve("order-1", 5, { kind: Kind.ORDER });
  await shop.stock.reserveStock({
    id: "m2",
    lines: [
      { productId: "bag", quantity: 2 },
      { productId: "box", quantity: 3 },
    ],
  });
  await reserve("m3", 4);

  const { product } = await shop.stock.releaseManually({ productId: "bag", quantity: 5 });

  expect(product).toMatchObject({ onHand: 20, reserved: 8 });
  const states = await Promise.all(
    ["m1", "m2", "m3", "order-1"].map(async (id) => {
      const { reservation } = await shop.stock.getReservation({ id });
      return [
        nameOf(State, reservation?.state),
        reservation!.lines.map(({ productId, quantity }) => `${quantity} ${productId}`),
      ];
    }),
  );
  expect(states).toEqual([
    ["RELEASED", ["2 bag"]],
    ["HELD", ["3 box"]],
    ["HELD", ["3 bag"]],
    ["PINNED", ["5 bag"]],
  ]);
  expect(await shop.level("box")).toEqual([20, 3]);
});

test("a manual release can end many reservations", async () => {
  await shop.have({ nail: 500 });
  for (let index = 0; index < 120; index++) {
    await shop.stock.reserveStock({ id: `nail-${index}`, lines: [{ productId: "nail", quantity: 2 }] });
  }

  const { product } = await shop.stock.releaseManually({ productId: "nail", quantity: 231 });

  expect(product).toMatchObject({ onHand: 500, reserved: 9 });
});

test("a manual release cannot exceed what manual reservations hold; expired ones do not count", async () => {
  await shop.have({ fan: 20 });
  const line = (quantity: number) => [{ productId: "fan", quantity }];
  await shop.stock.reserveStock({ id: "fan-1", lines: line(3) });
  await shop.stock.reserveStock({ id: "fan-2", lines: line(3), expireTime: timestampFromMs(Date.now() + 3_600_000) });
  await shop.stock.reserveStock({ id: "fan-3", lines: line(3), kind: Kind.ORDER });
  await shop.letExpire("fan-2");
  const give = (quantity: number, productId = "fan") => shop.stock.releaseManually({ productId, quantity });

  expect(await failure(give(4))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "NOT_RESERVED",
    message: "manual reservations hold 3 of product fan, and 4 were to be released",
    metadata: { product_id: "fan", reserved_manually: "3" },
  });
  expect(await failure(give(1, "nowhere"))).toMatchObject({ code: Code.NotFound, reason: "PRODUCT_NOT_FOUND" });
  await give(3);
  expect(await shop.level("fan")).toEqual([20, 6]);
});

test("a manual release is done once per request id", async () => {
  await shop.have({ mat: 5 });
  await shop.stock.reserveStock({ lines: [{ productId: "mat", quantity: 4 }] });
  const request = { productId: "mat", quantity: 2, requestId: "mat-2" };

  const first = await shop.stock.releaseManually(request);

  expect(await shop.stock.releaseManually(request)).toEqual(first);
  expect(await shop.level("mat")).toEqual([5, 2]);
});
