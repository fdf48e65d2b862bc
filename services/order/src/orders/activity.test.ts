import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { GetOrderActivityResponse } from "@sagacart/proto/order/v1/activity_service";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "../testing/order.ts";
import { testOrders } from "../testing/test-orders.ts";

let service: TestOrderService;
beforeEach(async () => {
  service = await startOrderService();
});
afterEach(() => service[Symbol.asyncDispose]());

const { newOrder, begin, move, bring } = testOrders(() => service);

const nameOf = (state: Order_State) => Object.entries(Order_State).find(([, number]) => number === state)?.[0];
const activity = () => service.activity.getOrderActivity({});
const countsOf = ({ underWay }: GetOrderActivityResponse) =>
  Object.fromEntries(underWay.map(({ state, count }) => [nameOf(state), Number(count)]));
/** Dates orders back, since the current second is left out. */
const dateBack = (ids: readonly string[], seconds: number, tookMs: number) =>
  service.pool.query(
    `update orders set create_time = date_trunc('second', now()) - $2 * interval '1 s',
       update_time = date_trunc('second', now()) - $2 * interval '1 s' + $3 * interval '1 ms' where id = any($1)`,
    [ids, seconds, tookMs],
  );

test("a shop without orders is quiet", async () => {
  const answer = await activity();
  expect(countsOf(answer)).toEqual({
    PENDING: 0,
    RESERVED: 0,
    AWAITING_PAYMENT: 0,
    PAID: 0,
    SHIPPING: 0,
    CANCELLING: 0,
  });
  expect(answer).toMatchObject({
    held: [],
    stalled: 0n,
    openIncidents: 0n,
    waitingCommands: 0n,
    seconds: [],
    refused: [],
  });
  expect(Math.abs(timestampDate(answer.time!).getTime() - Date.now())).toBeLessThan(60_000);
});

test("orders under way are counted by state, final ones are not, and what is paid is held", async () => {
  await newOrder();
  await bring(await newOrder(), "RESERVED");
  await bring(await newOrder(), "AWAITING_PAYMENT");
  await bring(await newOrder(), "SHIPPING");
  await bring(await newOrder(), "SHIPPING");
  await bring(await newOrder(), "COMPLETED");

  const answer = await activity();

  expect(countsOf(answer)).toEqual({
    PENDING: 1,
    RESERVED: 1,
    AWAITING_PAYMENT: 1,
    PAID: 0,
    SHIPPING: 2,
    CANCELLING: 0,
  });
  expect(answer.held).toMatchObject([{ currencyCode: "USD", minorUnits: 200n }]);
  expect(answer.waitingCommands).toBeGreaterThan(0n);
  expect(durationMs(answer.oldestCommand!)).toBeGreaterThanOrEqual(0);
});

test.each([
  ["PENDING", "now() - interval '6 minutes'", "null", 1n],
  ["PENDING", "now() - interval '4 minutes'", "null", 0n],
  ["SHIPPING", "now() - interval '6 minutes'", "null", 0n],
  ["AWAITING_PAYMENT", "now() - interval '6 minutes'", "now() + interval '1 hour'", 0n],
  ["AWAITING_PAYMENT", "now() - interval '20 minutes'", "now() - interval '6 minutes'", 1n],
])(
  "an order that is %s since %s and expires at %s counts as stalled or not",
  async (state, since, expires, stalled) => {
    const id = await newOrder();
    await service.pool.query(
      `update orders set state = $2, create_time = ${since}, update_time = ${since}, expire_time = ${expires} where id = $1`,
      [id, state],
    );
    expect((await activity()).stalled).toBe(stalled);
  },
);

test("the orders of the last minute are counted by second, with the time that they took and why they were refused", async () => {
  const quick = [await newOrder(), await newOrder(), await newOrder()];
  for (const id of quick) {
    await bring(id, "COMPLETED");
  }
  const soldOut = await newOrder();
  await begin("w", [soldOut]);
  await move("w", soldOut, [Order_State.REJECTED], { outcomeReason: "OUT_OF_STOCK" });
  const old = await newOrder();
  await bring(old, "COMPLETED");
  await dateBack([...quick.slice(0, 2), soldOut], 20, 40);
  await dateBack(quick.slice(2), 10, 900);
  await dateBack([old], 3_600, 10);

  const { seconds, refused } = await activity();

  expect(
    seconds.map(({ created, completed, refused, median, percentile99 }) => ({
      created,
      completed,
      refused,
      median: median && durationMs(median),
      percentile99: percentile99 && durationMs(percentile99),
    })),
  ).toEqual([
    { created: 3, completed: 2, refused: 1, median: 40, percentile99: 40 },
    { created: 1, completed: 1, refused: 0, median: 900, percentile99: 900 },
  ]);
  expect(refused).toMatchObject([{ reason: "OUT_OF_STOCK", count: 1 }]);
});

test("batches count in the second of their first order, and orders that left one are none", async () => {
  const [a, b, c, d, alone, waiting] = await Promise.all(Array.from({ length: 6 }, () => newOrder()));
  await begin("checkout-1", [a!, b!, c!]);
  await begin("checkout-2", [d!]);
  await begin("checkout-3", [alone!]);
  await begin("order-7", [waiting!]);
  await dateBack([a!, d!], 20, 1);
  await dateBack([b!, c!, waiting!], 19, 1);
  await dateBack([alone!], 10, 1);

  const { seconds } = await activity();

  expect(
    seconds.map(({ created, batches, medianBatchOrders, largestBatchOrders }) => ({
      created,
      batches,
      medianBatchOrders,
      largestBatchOrders,
    })),
  ).toEqual([
    { created: 2, batches: 2, medianBatchOrders: 1, largestBatchOrders: 3 },
    { created: 3, batches: 0, medianBatchOrders: 0, largestBatchOrders: 0 },
    { created: 1, batches: 1, medianBatchOrders: 1, largestBatchOrders: 1 },
  ]);
});

test("open incidents are counted, resolved ones are not", async () => {
  const orderId = await newOrder();
  await begin("w", [orderId]);
  await service.saga.raiseIncident({ orderId, workflowId: "w", step: "charge", error: "no", attempts: 1 });
  expect((await activity()).openIncidents).toBe(1n);
  const { incidents } = await service.incidents.listIncidents({});
  await service.incidents.resolveIncident({ id: incidents[0]!.id, resolution: "done" });
  expect((await activity()).openIncidents).toBe(0n);
});

test("of very many orders only whole seconds are counted", async () => {
  const { rows } = await service.pool.query<{ now: Date }>("select date_trunc('second', now()) as now");
  // 14,999 in one second and 6,001 in the one before, of which the newest 20,000 do not have all. In parts, since each has
  // little time.
  for (let first = 1; first <= 21_000; first += 3_000) {
    await service.pool.query(
      `insert into orders (id, customer_id, fingerprint, state, sequence, currency, total_minor, payment_method, pay_later,
         create_time, update_time)
       select 'many-' || n, 'ann', '', 'COMPLETED', 1, 'USD', 0, '', false, time, time
       from generate_series($1::integer, $1 + 2999) as n,
         lateral (select $2::timestamptz - (5 + n / 15000) * interval '1 s' as time) as at`,
      [first, rows[0]?.now],
    );
  }
  const { seconds } = await activity();
  expect(seconds.map(({ created }) => created)).toEqual([14_999]);
});
