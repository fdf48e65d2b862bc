import { setTimeout } from "node:timers/promises";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adjust } from "../levels/adjust.ts";
import { deleteProduct, setProducts } from "../products/edit.ts";
import { lockProducts } from "../products/product-store.ts";
import { breaches, failure, type TestStock, testStock } from "../testing/stock.ts";
import { commit } from "./commit.ts";
import { pin } from "./pin.ts";
import { expire, release } from "./release.ts";
import { releaseManually } from "./release-manually.ts";
import type { NewReservation } from "./reservation.ts";
import { setStates } from "./reservation-store.ts";
import { reserve } from "./reserve.ts";

let shop: TestStock;
beforeAll(async () => {
  shop = await testStock();
});
afterAll(async () => {
  expect(await breaches(shop.pool)).toEqual([]);
  await shop[Symbol.asyncDispose]();
});

type Step = (tx: Transaction) => Promise<unknown>;

const request = (
  id: string,
  productId: string,
  quantity: number,
  kind: NewReservation["kind"] = "ORDER",
): NewReservation => ({
  id,
  kind,
  lines: [{ productId, quantity }],
  expireTime: null,
});
const inTransaction = (step: Step) => withTransaction(shop.pool, step);

/**
 * Runs the first step, starts the second while the first is uncommitted, and ends the first once the second waits for it
 * (or is done). Returns the second's result, or the reason of its error.
 */
async function interleave(first: Step, second: Step, end: "commit" | "rollback" = "commit"): Promise<unknown> {
  const client = await shop.pool.connect();
  try {
    await client.query("begin");
    await first(client);
    const settled = new AbortController();
    const result = inTransaction(second)
      .catch(async (error: unknown) => (await failure(Promise.reject(error))).reason)
      .finally(() => settled.abort());
    while (!settled.signal.aborted && !(await isAnyoneWaiting())) {
      await setTimeout(1);
    }
    await client.query(end);
    return await result;
  } finally {
    client.release();
  }
}

async function isAnyoneWaiting(): Promise<boolean> {
  const { rowCount } = await shop.pool.query(
    "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return rowCount !== 0;
}

const reserved = (state: string) => [{ kind: "reserved", state }];
const short = (productId: string, requested: number, available: number, unknownProduct = false) => [
  { kind: "outOfStock", shortages: [{ productId, requested, available, unknownProduct }] },
];

type Race = {
  name: string;
  onHand: number;
  /** Prepares the state before the race. */
  before?: (p: string) => Step;
  first: (p: string) => Step;
  second: (p: string) => Step;
  end?: "rollback";
  result: (p: string) => unknown;
  level: [onHand: number, reserved: number];
};

const take =
  (id: string, quantity: number, kind?: NewReservation["kind"]) =>
  (p: string): Step =>
  (tx) =>
    reserve(tx, [request(`${p}-${id}`, p, quantity, kind)]);
const sell =
  (id: string) =>
  (p: string): Step =>
  (tx) =>
    commit(tx, [`${p}-${id}`]);
const free =
  (id: string) =>
  (p: string): Step =>
  (tx) =>
    release(tx, [`${p}-${id}`]);
const operator = { kind: "OPERATOR", id: "grace" } as const;
const remove =
  () =>
  (p: string): Step =>
  (tx) =>
    deleteProduct(tx, { id: p, etag: "", releaseManual: false });
const giveByHand =
  (quantity: number) =>
  (p: string): Step =>
  (tx) =>
    releaseManually(tx, { productId: p, quantity }, operator);
const put =
  (onHand: number) =>
  (p: string): Step =>
  (tx) => {
    const product = { id: p, sku: p, title: p, description: "", currency: "EUR", priceMinor: 100n, pictureUrl: "" };
    return setProducts(tx, [{ product, onHand }], operator);
  };
const move =
  (delta: number) =>
  (p: string): Step =>
  (tx) =>
    adjust(tx, { productId: p, delta, reason: "CORRECTION", reference: "" }, operator);
/** A HELD reservation past its expiry. */
const lapsed =
  (id: string, quantity: number) =>
  (p: string): Step =>
  async (tx) => {
    await reserve(tx, [{ ...request(`${p}-${id}`, p, quantity), expireTime: new Date(Date.now() + 3_600_000) }]);
    await tx.query("update reservations set expire_time = now() - interval '1 s' where id = $1", [`${p}-${id}`]);
  };
const sweep = () => (): Step => (tx) => expire(tx, 10);
const keep =
  (id: string) =>
  (p: string): Step =>
  (tx) =>
    pin(tx, `${p}-${id}`);
/** Pinned before its expiry. */
const keepInTime =
  (id: string) =>
  (p: string): Step =>
  (tx) =>
    setStates(tx, [`${p}-${id}`], "PINNED");

const released = [{ kind: "released" }];
const committed = [{ kind: "committed" }];

test.each<Race>([
  {
    name: "a release waits for the reservation under way, and gives it back",
    onHand: 3,
    first: take("a", 2),
    second: free("a"),
    result: () => released,
    level: [3, 0],
  },
  {
    name: "a reservation waits for the release under way, and comes too late",
    onHand: 3,
    first: free("a"),
    second: take("a", 2),
    result: () => released,
    level: [3, 0],
  },
  {
    name: "of two who want the last one, the second gets none",
    onHand: 1,
    first: take("a", 1),
    second: take("b", 1),
    result: (p) => short(p, 1, 0),
    level: [1, 1],
  },
  {
    name: "of two who want the last one, the second gets it when the first fails",
    onHand: 1,
    first: take("a", 1),
    second: take("b", 1),
    end: "rollback",
    result: () => reserved("PINNED"),
    level: [1, 1],
  },
  {
    name: "what is given back goes to who waited for it",
    onHand: 1,
    before: take("a", 1),
    first: free("a"),
    second: take("b", 1),
    result: () => reserved("PINNED"),
    level: [1, 1],
  },
  {
    name: "the same reservation twice at once is one",
    onHand: 3,
    first: take("a", 2),
    second: take("a", 2),
    result: () => reserved("PINNED"),
    level: [3, 2],
  },
  {
    name: "the same reservation twice at once is one, also when the first fails",
    onHand: 3,
    first: take("a", 2),
    second: take("a", 2),
    end: "rollback",
    result: () => reserved("PINNED"),
    level: [3, 2],
  },
  {
    name: "the same refusal twice at once is one",
    onHand: 1,
    first: take("a", 2),
    second: take("a", 2),
    result: (p) => short(p, 2, 1),
    level: [1, 0],
  },
  {
    name: "the same sale twice at once is one",
    onHand: 3,
    before: take("a", 2),
    first: sell("a"),
    second: sell("a"),
    result: () => committed,
    level: [1, 0],
  },
  {
    name: "the same release twice at once is one",
    onHand: 3,
    before: take("a", 2),
    first: free("a"),
    second: free("a"),
    result: () => released,
    level: [3, 0],
  },
  {
    name: "what is sold cannot be released any more",
    onHand: 3,
    before: take("a", 2),
    first: sell("a"),
    second: free("a"),
    result: () => committed,
    level: [1, 0],
  },
  {
    name: "what is released cannot be sold any more",
    onHand: 3,
    before: take("a", 2),
    first: free("a"),
    second: sell("a"),
    result: () => [{ kind: "notPinned", state: "RELEASED" }],
    level: [3, 0],
  },
  {
    name: "what expires cannot be pinned any more",
    onHand: 3,
    before: lapsed("a", 2),
    first: sweep(),
    second: keep("a"),
    result: () => "EXPIRED",
    level: [3, 0],
  },
  {
    name: "what was pinned in time is not expired by a sweep that passes",
    onHand: 3,
    before: lapsed("a", 2),
    first: keepInTime("a"),
    second: sweep(),
    result: () => 0,
    level: [3, 2],
  },
  {
    name: "two sweeps at once give back once",
    onHand: 3,
    before: lapsed("a", 2),
    first: sweep(),
    second: sweep(),
    result: () => 0,
    level: [3, 0],
  },
  {
    name: "what a sweep gives back, a repeat of the reservation does not give back again",
    onHand: 3,
    before: lapsed("a", 2),
    first: sweep(),
    second: take("a", 2),
    result: () => [{ kind: "expired" }],
    level: [3, 0],
  },
  {
    name: "what a reservation has taken cannot be taken off hand",
    onHand: 3,
    first: take("a", 3),
    second: move(-1),
    result: () => "INSUFFICIENT_STOCK",
    level: [3, 3],
  },
  {
    name: "what was taken off hand cannot be reserved",
    onHand: 3,
    first: move(-1),
    second: take("a", 3),
    result: (p) => short(p, 3, 2),
    level: [2, 0],
  },
  {
    name: "two adjustments at once both count",
    onHand: 3,
    first: move(-1),
    second: move(-1),
    result: () => undefined,
    level: [1, 0],
  },
  {
    name: "a product that is being reserved is not deleted",
    onHand: 3,
    first: take("a", 1),
    second: remove(),
    result: () => "PRODUCT_RESERVED",
    level: [3, 1],
  },
  {
    name: "what is being reserved stays on hand when products are put",
    onHand: 5,
    first: take("a", 3),
    second: put(2),
    result: () => "PRODUCT_RESERVED",
    level: [5, 3],
  },
  {
    name: "what is put twice at once is put once",
    onHand: 5,
    first: put(9),
    second: put(9),
    result: () => undefined,
    level: [9, 0],
  },
  {
    name: "what is given back by hand is given back once",
    onHand: 5,
    before: take("a", 3, "MANUAL"),
    first: giveByHand(2),
    second: giveByHand(2),
    result: () => "NOT_RESERVED",
    level: [5, 1],
  },
  {
    name: "what is given back by hand in number, a release does not give back again",
    onHand: 5,
    before: take("a", 3, "MANUAL"),
    first: giveByHand(2),
    second: free("a"),
    result: () => released,
    level: [5, 0],
  },
  {
    name: "what a release gives back is not given back by hand again",
    onHand: 5,
    before: take("a", 3, "MANUAL"),
    first: free("a"),
    second: giveByHand(1),
    result: () => "NOT_RESERVED",
    level: [5, 0],
  },
])("$name", async ({ name, onHand, before, first, second, end, result, level }) => {
  const p = name.replaceAll(/[^a-z]+/g, "-").slice(0, 60);
  await shop.have({ [p]: onHand });
  if (before !== undefined) {
    await inTransaction(before(p));
  }

  expect(await interleave(first(p), second(p), end)).toEqual(result(p));

  expect(await shop.level(p)).toEqual(level);
});

test("nothing is reserved of a product that is being deleted", async () => {
  await shop.have({ doomed: 3 });

  const outcome = await interleave(remove()("doomed"), take("a", 1)("doomed"));

  expect(outcome).toEqual(short("doomed", 1, 0, true));
});

test("a reservation does not wait for an edit of the product", async () => {
  await shop.have({ edited: 3 });
  await inTransaction(lapsed("a", 3)("edited"));

  const outcome = await withTransaction(shop.pool, async (editor) => {
    await lockProducts(editor, ["edited"]);
    return await withTransaction(shop.pool, async (tx) => {
      await tx.query("set local lock_timeout = '5 s'");
      // The level is updated twice: for the expired reservation, and for the new one.
      return await reserve(tx, [request("edited-a", "edited", 3), request("edited-b", "edited", 3)]);
    });
  });

  expect(outcome).toEqual([{ kind: "expired" }, { kind: "reserved", state: "PINNED" }]);
});

test("a reservation that is made while it is being pinned is pinned", async () => {
  await shop.have({ "late-pin": 1 });
  const held: NewReservation = {
    ...request("r-late-pin", "late-pin", 1),
    expireTime: new Date(Date.now() + 3_600_000),
  };

  const state = await inTransaction((tx) => {
    const afterTheFirst = once(() => inTransaction((other) => reserve(other, [held])));
    const query = async (...args: Parameters<Transaction["query"]>) => {
      const result = await tx.query(...args);
      await afterTheFirst();
      return result;
    };
    return pin({ query } as unknown as Transaction, held.id);
  });

  expect(state).toBe("PINNED");
});

test("overlapping batches in opposite orders all end, and nothing is sold twice", async () => {
  const products = Array.from({ length: 8 }, (_, index) => `crowd-${index}`);
  await shop.have(Object.fromEntries(products.map((id) => [id, 15])));
  const orders = Array.from({ length: 30 }, (_, index) => ({
    orderId: `crowd-order-${index}`,
    lines: products.slice(index % 5, (index % 5) + 4).map((productId) => ({ productId, quantity: 1 })),
  }));
  const batches = [orders, orders.toReversed(), orders.slice(10), orders.slice(0, 20).toReversed()];
  const ids = (batch: typeof orders) => batch.map(({ orderId }) => orderId);

  const answers = await Promise.all(
    batches.flatMap((items, index) => [
      shop.stock.batchReserve({ items }),
      shop.stock.batchCommit({ orderIds: ids(items) }),
      ...(index % 2 === 0 ? [shop.stock.batchRelease({ orderIds: ids(items.slice(0, 5)) })] : []),
    ]),
  );

  expect(answers).toHaveLength(10);
  expect(await breaches(shop.pool)).toEqual([]);
});

test("sixty concurrent orders for the last ten of a product get ten", async () => {
  await shop.have({ rare: 10 });

  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      shop.stock
        .reserveStock({ id: `rare-${index}`, lines: [{ productId: "rare", quantity: 1 }] })
        .then(() => "reserved")
        .catch(async (error: unknown) => (await failure(Promise.reject(error))).reason),
    ),
  );

  expect(outcomes.filter((outcome) => outcome === "reserved")).toHaveLength(10);
  expect(outcomes.filter((outcome) => outcome === "OUT_OF_STOCK")).toHaveLength(50);
  expect(await shop.level("rare")).toEqual([10, 10]);
});

function once(step: () => Promise<unknown>): () => Promise<unknown> {
  let done: Promise<unknown> | undefined;
  return () => {
    done ??= step();
    return done;
  };
}
