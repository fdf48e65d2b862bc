import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { Reservation_State as State } from "@sagacart/proto/stock/v1/reservation";
import { BatchReserveResponse_Refused_Reason as Reason } from "@sagacart/proto/stock/v1/stock_service";
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

const inAnHour = () => timestampFromMs(Date.now() + 3_600_000);
const wanted = (
  orderId: string,
  lines: Readonly<Record<string, number>>,
  expireTime?: ReturnType<typeof inAnHour>,
) => ({
  orderId,
  lines: Object.entries(lines).map(([productId, quantity]) => ({ productId, quantity })),
  ...(expireTime === undefined ? {} : { expireTime }),
});
type Wanted = ReturnType<typeof wanted>;

/** Formats the outcomes, for example `a: PINNED`, `b: OUT_OF_STOCK`. */
async function reserve(...items: Wanted[]): Promise<string[]> {
  const { outcomes } = await shop.stock.batchReserve({ items });
  return outcomes.map(({ orderId, outcome }) => {
    const said =
      outcome.case === "reserved" ? nameOf(State, outcome.value.state) : nameOf(Reason, outcome.value?.reason);
    return `${orderId}: ${said}`;
  });
}
async function commit(...orderIds: string[]): Promise<string[]> {
  const { outcomes } = await shop.stock.batchCommit({ orderIds });
  return outcomes.map(({ orderId, outcome }) =>
    outcome.case === "refused"
      ? `${orderId}: refused, ${nameOf(State, outcome.value.state)}`
      : `${orderId}: ${outcome.case}`,
  );
}
async function release(...orderIds: string[]): Promise<string[]> {
  const { outcomes } = await shop.stock.batchRelease({ orderIds });
  return outcomes.map(({ orderId, outcome }) => `${orderId}: ${outcome.case}`);
}
const stateOf = async (id: string) => nameOf(State, (await shop.stock.getReservation({ id })).reservation?.state);

test("each order gets all its lines or none, earlier orders first, and the shortages", async () => {
  await shop.have({ pen: 5, ink: 1 });

  const { outcomes } = await shop.stock.batchReserve({
    items: [wanted("a1", { pen: 2, ink: 1 }), wanted("a2", { pen: 2, ink: 1, nib: 3 }), wanted("a3", { pen: 3 })],
  });

  expect(outcomes).toMatchObject([
    { orderId: "a1", outcome: { case: "reserved", value: { state: State.PINNED } } },
    {
      orderId: "a2",
      outcome: {
        case: "refused",
        value: {
          reason: Reason.OUT_OF_STOCK,
          shortages: [
            { productId: "ink", requested: 1, available: 0, unknownProduct: false },
            { productId: "nib", requested: 3, available: 0, unknownProduct: true },
          ],
        },
      },
    },
    { orderId: "a3", outcome: { case: "reserved", value: { state: State.PINNED } } },
  ]);
  expect(await shop.level("pen")).toEqual([5, 5]);
  expect(await shop.level("ink")).toEqual([1, 1]);
});

test("an order with an expiry is HELD, one without is PINNED", async () => {
  await shop.have({ book: 9 });

  expect(await reserve(wanted("b1", { book: 1 }, inAnHour()), wanted("b2", { book: 1 }))).toEqual([
    "b1: HELD",
    "b2: PINNED",
  ]);
});

test("quantities of two orders for one product add up", async () => {
  await shop.have({ last: 1 });

  expect(await reserve(wanted("c1", { last: 1 }), wanted("c2", { last: 1 }))).toEqual([
    "c1: PINNED",
    "c2: OUT_OF_STOCK",
  ]);
});

test("a repeat, also in a larger batch, has the same outcome and takes nothing more", async () => {
  await shop.have({ cup: 3 });
  const items = [wanted("d1", { cup: 2 }), wanted("d2", { cup: 2 })];
  const first = await reserve(...items);

  expect(await reserve(...items)).toEqual(first);
  expect(await reserve(wanted("d3", { cup: 1 }), ...items.toReversed())).toEqual(["d3: PINNED", ...first.toReversed()]);
  expect(await shop.level("cup")).toEqual([3, 3]);
});

test("a refusal stands, with its shortages, even after new stock arrived", async () => {
  await shop.have({ rare: 1 });
  const ask = () => shop.stock.batchReserve({ items: [wanted("e1", { rare: 2 })] });
  const first = await ask();
  await shop.have({ rare: 10 });

  expect(await ask()).toEqual(first);
  expect(await shop.level("rare")).toEqual([10, 0]);
});

test("an order with other lines differs, and so does one whose id is a MANUAL reservation", async () => {
  await shop.have({ hat: 10 });
  await reserve(wanted("f1", { hat: 1 }), wanted("f2", { hat: 11 }));
  await shop.stock.reserveStock({ id: "f3", lines: [{ productId: "hat", quantity: 1 }] });

  expect(await reserve(wanted("f1", { hat: 2 }), wanted("f2", { hat: 1 }), wanted("f3", { hat: 1 }))).toEqual([
    "f1: DIFFERS",
    "f2: DIFFERS",
    "f3: DIFFERS",
  ]);
  expect(await shop.level("hat")).toEqual([10, 2]);
});

test("a repeat of a committed order answers COMMITTED", async () => {
  await shop.have({ bag: 1 });
  await reserve(wanted("g1", { bag: 1 }));
  await commit("g1");

  expect(await reserve(wanted("g1", { bag: 1 }))).toEqual(["g1: COMMITTED"]);
});

test("an order that was released before it arrived is refused", async () => {
  await shop.have({ key: 1 });

  expect(await release("h1")).toEqual(["h1: released"]);
  expect(await reserve(wanted("h1", { key: 1 }))).toEqual(["h1: RELEASED"]);
  expect(await shop.level("key")).toEqual([1, 0]);
});

test("an expiry in the past reserves nothing", async () => {
  await shop.have({ tea: 1 });
  const late = wanted("i1", { tea: 1 }, timestampFromMs(Date.now() - 1_000));

  expect(await reserve(late)).toEqual(["i1: EXPIRED"]);
  expect(await reserve(late)).toEqual(["i1: EXPIRED"]);
  expect(await shop.level("tea")).toEqual([1, 0]);
});

test("a HELD order past its expiry expires at once, and the next order gets its stock", async () => {
  await shop.have({ bed: 1 });
  await reserve(wanted("j1", { bed: 1 }, inAnHour()));
  await shop.letExpire("j1");

  expect(await stateOf("j1")).toBe("EXPIRED");
  expect(await reserve(wanted("j2", { bed: 1 }), wanted("j1", { bed: 1 }))).toEqual(["j2: PINNED", "j1: EXPIRED"]);
  expect(await shop.level("bed")).toEqual([1, 1]);
});

test("a commit takes PINNED orders off hand, with one SALE for each line, once", async () => {
  await shop.have({ toy: 5, box: 5 });
  await reserve(wanted("k1", { toy: 2, box: 1 }), wanted("k2", { toy: 1 }), wanted("k3", { toy: 1 }));

  expect(await commit("k2", "k1", "k2")).toEqual(["k2: committed", "k1: committed", "k2: committed"]);
  expect(await commit("k1", "k2")).toEqual(["k1: committed", "k2: committed"]);

  expect(await shop.level("toy")).toEqual([2, 1]);
  expect(await shop.level("box")).toEqual([4, 0]);
  const { movements } = await shop.stock.listMovements({ productId: "toy" });
  expect(new Map(movements.map(({ reference, delta, reason }) => [reference, [delta, reason]]))).toEqual(
    new Map([
      ["k1", [-2, 4]],
      ["k2", [-1, 4]],
      ["", [5, 1]],
    ]),
  );
});

test("only a PINNED order can be committed", async () => {
  await shop.have({ vase: 3 });
  await release("l4");
  await reserve(
    wanted("l1", { vase: 1 }, inAnHour()),
    wanted("l2", { vase: 1 }, inAnHour()),
    wanted("l3", { vase: 9 }),
    wanted("l5", { vase: 1 }),
  );
  await shop.letExpire("l2");

  expect(await commit("l1", "l2", "l3", "l4", "l5", "l6")).toEqual([
    "l1: refused, HELD",
    "l2: refused, EXPIRED",
    "l3: refused, REFUSED",
    "l4: refused, RELEASED",
    "l5: committed",
    "l6: refused, UNSPECIFIED",
  ]);
});

test("a release gives stock back once, and never committed stock", async () => {
  await shop.have({ rug: 9 });
  await reserve(wanted("m1", { rug: 2 }), wanted("m2", { rug: 3 }, inAnHour()), wanted("m3", { rug: 4 }));
  await commit("m3");
  const ids = ["m2", "m1", "m3", "m4", "m1"];
  const outcomes = ["m2: released", "m1: released", "m3: committed", "m4: released", "m1: released"];

  expect(await release(...ids)).toEqual(outcomes);
  expect(await release(...ids)).toEqual(outcomes);

  expect(await shop.level("rug")).toEqual([5, 0]);
  expect(await Promise.all(["m1", "m2", "m3", "m4"].map(stateOf))).toEqual([
    "RELEASED",
    "RELEASED",
    "COMMITTED",
    "RELEASED",
  ]);
});

test("a release does not change an order that has ended", async () => {
  await shop.have({ fan: 1 });
  await reserve(wanted("n1", { fan: 9 }), wanted("n2", { fan: 1 }, inAnHour()));
  await shop.letExpire("n2");

  expect(await release("n1", "n2")).toEqual(["n1: released", "n2: released"]);

  expect([await stateOf("n1"), await stateOf("n2")]).toEqual(["REFUSED", "EXPIRED"]);
  expect(await shop.level("fan")).toEqual([1, 0]);
});

test("outcomes are counted", async () => {
  await using other = await testStock();
  await other.have({ pea: 2 });

  await other.stock.batchReserve({
    items: [wanted("a", { pea: 1 }), wanted("b", { pea: 1 }), wanted("c", { pea: 1 })],
  });

  expect(await other.counted()).toEqual([
    'stock_reservations_total{outcome="reserved"} 2',
    'stock_reservations_total{outcome="outOfStock"} 1',
    "stock_reservations_expired_total 0",
  ]);
});

test("a batch with an order twice, or with too many lines, is refused", async () => {
  const lines = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`p${index}`, 1]));
  const items = Array.from({ length: 101 }, (_, index) => wanted(`o${index}`, lines));

  expect(await failure(reserve(wanted("o1", { a: 1 }), wanted("o1", { a: 1 })))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "NAMED_TWICE",
  });
  expect(await failure(reserve(...items))).toMatchObject({
    code: Code.InvalidArgument,
    message: "items: must not have more than 10000 lines in all",
    violations: [{ field: "items", ruleId: "items.max_lines" }],
  });
  expect(await reserve(...items.slice(0, 100))).toHaveLength(100);
});
