import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { Reservation_Kind as Kind, Reservation_State as State } from "@sagacart/proto/stock/v1/reservation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { breaches, failure, type TestStock, testStock } from "../testing/stock.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterAll(async () => {
  expect(await breaches(shop.pool)).toEqual([]);
  await shop[Symbol.asyncDispose]();
});

const inAnHour = () => timestampFromMs(Date.now() + 3_600_000);
const lines = (wanted: Readonly<Record<string, number>>) =>
  Object.entries(wanted).map(([productId, quantity]) => ({ productId, quantity }));
const byHand = async (id: string, wanted: Readonly<Record<string, number>>, fields: object = {}) =>
  (await shop.stock.reserveStock({ id, lines: lines(wanted), ...fields })).reservation;
const forOrder = (id: string, wanted: Readonly<Record<string, number>>, fields: object = {}) =>
  byHand(id, wanted, { kind: Kind.ORDER, ...fields });

test("a MANUAL reservation is HELD without an expiry, an ORDER is PINNED, one with an expiry is HELD", async () => {
  await shop.have({ pen: 9 });
  const expireTime = inAnHour();

  expect(await byHand("a1", { pen: 2 })).toMatchObject({
    id: "a1",
    kind: Kind.MANUAL,
    state: State.HELD,
    lines: [{ productId: "pen", quantity: 2 }],
  });
  expect((await byHand("a1", { pen: 2 }))?.expireTime).toBeUndefined();
  expect(await forOrder("a2", { pen: 1 })).toMatchObject({ kind: Kind.ORDER, state: State.PINNED });
  expect(await forOrder("a3", { pen: 1 }, { expireTime })).toMatchObject({ state: State.HELD, expireTime });
  expect(await shop.level("pen")).toEqual([9, 4]);
});

test("a reservation without an id gets one, once per request id", async () => {
  await shop.have({ ink: 9 });

  const first = await byHand("", { ink: 2 }, { requestId: "ink-1" });
  const again = await byHand("", { ink: 2 }, { requestId: "ink-1" });
  const other = await failure(byHand("", { ink: 3 }, { requestId: "ink-1" }));

  expect(first?.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(again).toEqual(first);
  expect(other).toMatchObject({ reason: "REQUEST_ID_REUSED" });
  expect(await shop.level("ink")).toEqual([9, 2]);
});

test("a reservation of kind ORDER needs the order's id", async () => {
  expect(await failure(forOrder("", { pen: 1 }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "id" }],
  });
});

test("a product may appear in one line only", async () => {
  const twice = [...lines({ pen: 1 }), ...lines({ pen: 1 })];

  expect(await failure(shop.stock.reserveStock({ lines: twice }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "lines", ruleId: "lines.unique_product_id" }],
  });
});

test("a repeat returns the reservation as it is, also once committed", async () => {
  await shop.have({ cup: 3 });
  const first = await forOrder("b1", { cup: 2 });
  expect(await forOrder("b1", { cup: 2 })).toEqual(first);

  await shop.stock.commitReservation({ id: "b1" });

  expect(await forOrder("b1", { cup: 2 })).toMatchObject({ state: State.COMMITTED });
  expect(await shop.level("cup")).toEqual([1, 0]);
});

test.each([
  ["with an id, which then is refused for good", "c1", {}],
  ["with a request id, which then is refused for good", "", { requestId: "c2" }],
  ["with both", "c3", { requestId: "c3" }],
])("nothing is reserved if a line is short, %s", async (_, id, fields) => {
  await shop.have({ scarce: 1, plenty: 9 });
  const first = await failure(byHand(id, { scarce: 2, plenty: 1 }, fields));
  await shop.have({ scarce: 5 });

  expect(first).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "OUT_OF_STOCK",
    domain: "stock.sagacart",
    message: "product scarce has 1 left, 2 asked",
  });
  expect(JSON.parse(first.metadata.shortages!)).toEqual([{ productId: "scarce", requested: 2, available: 1 }]);
  expect(await failure(byHand(id, { scarce: 2, plenty: 1 }, fields))).toEqual(first);
  expect(await shop.level("plenty")).toEqual([9, 0]);
});

test("a failure without any id leaves nothing behind", async () => {
  await shop.have({ few: 1 });
  await failure(byHand("", { few: 2 }));

  expect((await shop.stock.listReservations({ states: [State.REFUSED] })).reservations).not.toContainEqual(
    expect.objectContaining({ shortages: [expect.objectContaining({ productId: "few" })] }),
  );
});

test("the metadata has the shortages that fit, and how many do not; three are in the message, all with the reservation", async () => {
  const wanted = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`none-${index}`, 1]));
  await shop.have(Object.fromEntries(Object.keys(wanted).map((id) => [id, 0])));

  const refused = await failure(byHand("d1", wanted));

  expect(refused.message).toBe(
    "product none-0 has 0 left, 1 asked; product none-1 has 0 left, 1 asked; product none-2 has 0 left, 1 asked; " +
      "and 97 more",
  );
  const shortages = JSON.parse(refused.metadata.shortages!);
  expect(shortages.length).toBeGreaterThan(10);
  expect(shortages).toEqual(
    shortages.map((_: unknown, index: number) => ({ productId: `none-${index}`, requested: 1, available: 0 })),
  );
  expect(refused.metadata.shortages_left_out).toBe(String(100 - shortages.length));
  expect((await shop.stock.getReservation({ id: "d1" })).reservation?.shortages).toHaveLength(100);
});

test("a reservation for an unknown product, with other lines, released before or expired is refused", async () => {
  await shop.have({ hat: 9 });
  await forOrder("e1", { hat: 1 });
  await forOrder("e2", { hat: 1 });
  await shop.stock.releaseReservation({ id: "e2" });
  await forOrder("e3", { hat: 1 }, { expireTime: inAnHour() });
  await shop.letExpire("e3");

  expect(await failure(forOrder("e0", { nowhere: 1, hat: 99 }))).toMatchObject({
    code: Code.NotFound,
    reason: "PRODUCT_NOT_FOUND",
    metadata: { product_id: "nowhere" },
  });
  for (const [id, quantity, reason] of [
    ["e1", 2, "RESERVATION_DIFFERS"],
    ["e2", 1, "RESERVATION_RELEASED"],
    ["e3", 1, "RESERVATION_EXPIRED"],
  ] as const) {
    expect(await failure(forOrder(id, { hat: quantity }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason,
      metadata: { reservation_id: id },
    });
  }
});

test("a pinned reservation does not expire", async () => {
  await shop.have({ bag: 9 });
  await forOrder("f1", { bag: 1 }, { expireTime: inAnHour() });

  const { reservation } = await shop.stock.pinReservation({ id: "f1" });
  await shop.stock.pinReservation({ id: "f1" });

  expect(reservation?.state).toBe(State.PINNED);
  expect(reservation?.expireTime).toBeUndefined();
});

test("a reservation that ended cannot be pinned, and holds nothing", async () => {
  await shop.have({ key: 9 });
  await forOrder("g1", { key: 1 }, { expireTime: inAnHour() });
  await shop.letExpire("g1");
  await shop.stock.releaseReservation({ id: "g2" });
  await forOrder("g3", { key: 1 });
  await shop.stock.commitReservation({ id: "g3" });
  await failure(forOrder("g4", { key: 99 }));

  for (const [id, reason] of [
    ["g1", "RESERVATION_EXPIRED"],
    ["g2", "RESERVATION_RELEASED"],
    ["g3", "RESERVATION_COMMITTED"],
    ["g4", "RESERVATION_REFUSED"],
  ] as const) {
    expect(await failure(shop.stock.pinReservation({ id }))).toMatchObject({ code: Code.FailedPrecondition, reason });
  }
  expect(await failure(shop.stock.pinReservation({ id: "g5" }))).toMatchObject({
    code: Code.NotFound,
    reason: "RESERVATION_NOT_FOUND",
  });
  expect(await shop.level("key")).toEqual([8, 0]);
});

test("a commit is idempotent, and needs a PINNED reservation", async () => {
  await shop.have({ toy: 5 });
  await forOrder("h1", { toy: 2 });
  await byHand("h2", { toy: 1 });

  const { reservation } = await shop.stock.commitReservation({ id: "h1" });
  await shop.stock.commitReservation({ id: "h1" });

  expect(reservation).toMatchObject({ state: State.COMMITTED, lines: [{ productId: "toy", quantity: 2 }] });
  expect(await shop.level("toy")).toEqual([3, 1]);
  expect(await failure(shop.stock.commitReservation({ id: "h2" }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "RESERVATION_NOT_PINNED",
    metadata: { reservation_id: "h2", state: "HELD" },
  });
  expect(await failure(shop.stock.commitReservation({ id: "h3" }))).toMatchObject({ reason: "RESERVATION_NOT_FOUND" });
});

test("a release is idempotent, also before the reservation, and refused after the commit", async () => {
  await shop.have({ rug: 5 });
  await forOrder("i1", { rug: 2 });
  await forOrder("i2", { rug: 2 });
  await shop.stock.commitReservation({ id: "i2" });

  const { reservation } = await shop.stock.releaseReservation({ id: "i1" });
  expect(await shop.stock.releaseReservation({ id: "i1" })).toMatchObject({ reservation });
  expect(await shop.stock.releaseReservation({ id: "i3" })).toMatchObject({ reservation: { state: State.RELEASED } });

  expect(reservation).toMatchObject({ state: State.RELEASED, lines: [{ productId: "rug", quantity: 2 }] });
  expect(await shop.level("rug")).toEqual([3, 0]);
  expect(await failure(shop.stock.releaseReservation({ id: "i2" }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "RESERVATION_COMMITTED",
  });
});

test("an unknown reservation is not found", async () => {
  expect(await failure(shop.stock.getReservation({ id: "nowhere" }))).toMatchObject({
    code: Code.NotFound,
    reason: "RESERVATION_NOT_FOUND",
    message: "there is no reservation nowhere",
  });
});

test("reservations are listed newest first, by state, kind and product, page by page", async () => {
  await using other = await testStock();
  await other.have({ a: 99, b: 99 });
  const make = (id: string, productId: string, fields: object = {}) =>
    other.stock.reserveStock({ id, lines: [{ productId, quantity: 1 }], ...fields });
  await make("r1", "a");
  await make("r2", "b", { kind: Kind.ORDER });
  await make("r3", "a", { kind: Kind.ORDER, expireTime: inAnHour() });
  await make("r4", "a", { kind: Kind.ORDER, expireTime: inAnHour() });
  await other.letExpire("r4");
  await make("r5", "a");
  await other.stock.releaseReservation({ id: "r5" });
  const list = async (request: object) =>
    (await other.stock.listReservations(request)).reservations.map(({ id }) => id);

  expect(await list({})).toEqual(["r5", "r4", "r3", "r2", "r1"]);
  expect(await list({ states: [State.HELD] })).toEqual(["r3", "r1"]);
  expect(await list({ states: [State.HELD, State.PINNED] })).toEqual(["r3", "r2", "r1"]);
  expect(await list({ states: [State.EXPIRED, State.RELEASED] })).toEqual(["r5", "r4"]);
  expect(await list({ kind: Kind.ORDER })).toEqual(["r4", "r3", "r2"]);
  expect(await list({ productId: "b" })).toEqual(["r2"]);
  const first = await other.stock.listReservations({ kind: Kind.ORDER, pageSize: 2 });
  expect(await list({ kind: Kind.ORDER, pageToken: first.nextPageToken })).toEqual(["r2"]);
  const states = [State.HELD, State.PINNED];
  const held = await other.stock.listReservations({ states, pageSize: 1 });
  for (const same of [states.toReversed(), [...states, ...states]]) {
    expect(await list({ states: same, pageToken: held.nextPageToken })).toEqual(["r2", "r1"]);
  }
  expect(await failure(list({ states: [State.HELD], pageToken: held.nextPageToken }))).toMatchObject({
    reason: "BAD_PAGE_TOKEN",
  });
  expect(await failure(list({ kind: Kind.MANUAL, pageToken: first.nextPageToken }))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "BAD_PAGE_TOKEN",
  });
});
