import { startTestFeed, type TestFeed } from "@sagacart/outbox/testing/test-feed";
import { Incident_State } from "@sagacart/proto/order/v1/incident";
import {
  OrderDispute_StateSchema,
  OrderRefund_SourceSchema,
  OrderRefund_State,
  OrderRefund_StateSchema,
} from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "../testing/order.ts";
import { reasonOf, testOrders } from "../testing/test-orders.ts";
import { readPaymentEvent, UnreadableEventError } from "./payment-event.ts";

let stack: AsyncDisposableStack;
let payments: TestFeed;
let service: TestOrderService;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  payments = stack.use(await startTestFeed("/sagacart/payment"));
  service = stack.use(await startOrderService({ payments }));
});
afterAll(() => stack.disposeAsync());

const { newOrder, bring } = testOrders(() => service);
const money = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
const now = { waitAtMost: { seconds: 0n } };

const sequences = new Map<string, number>();

/** Publishes an event of the payment of an order, and waits until the order service has read it. */
async function tell(orderId: string, type: string, data: object): Promise<void> {
  const subject = `payment-of-${orderId}`;
  const sequence = (sequences.get(subject) ?? 0) + 1;
  sequences.set(subject, sequence);
  await payments.publish([
    { subject, sequence, type: `sagacart.payment.${type}.v1`, data: { paymentId: subject, orderId, ...data } },
  ]);
  await untilRead();
}

async function untilRead(): Promise<void> {
  const { rows } = await payments.pool.query<{ count: bigint }>("select count(*) from events");
  await expect
    .poll(async () => (await service.pool.query("select position from cursors")).rows[0]?.position, { timeout: 20_000 })
    .toBe(rows[0]?.count);
}

function refundedBy(source: "SHOP" | "UNDO" | "PROVIDER", refundId: string, minorUnits: number) {
  return { refundId, source, amount: { currencyCode: "USD", minorUnits: `${minorUnits}` } };
}

async function refundsOf(orderId: string) {
  const { refunds } = await service.orders.listOrderRefunds({ orderId });
  return refunds.map(({ source, state, amount }) => [
    OrderRefund_SourceSchema.value[source]?.localName,
    OrderRefund_StateSchema.value[state]?.localName,
    Number(amount?.minorUnits),
  ]);
}

async function eventsOf(orderId: string) {
  const { rows } = await service.pool.query(
    "select type, data from events where subject = $1 and type ~ 'refunded|dispute' order by sequence",
    [orderId],
  );
  return rows.map(({ type, data }) => ({ type: type.split(".")[2], ...data }));
}

async function completedOrder(): Promise<string> {
  const orderId = await newOrder({ contactEmail: "ann@example.com" });
  await bring(orderId, "COMPLETED");
  return orderId;
}

test.each([
  ["on its payment", "SHOP", "PAYMENT"],
  ["at the provider", "PROVIDER", "PROVIDER"],
] as const)("an order hears of a refund that was made %s, once", async (_, source, shown) => {
  const orderId = await completedOrder();
  const refund = refundedBy(source, `refund-of-${orderId}`, 30);

  await tell(orderId, "refunded", refund);
  await tell(orderId, "refunded", refund);

  expect((await service.orders.getOrder({ id: orderId })).order?.refunded).toMatchObject(money(30n));
  expect(await refundsOf(orderId)).toEqual([[shown, "SUCCEEDED", 30]]);
  expect(await eventsOf(orderId)).toEqual([
    expect.objectContaining({
      ...{ type: "refunded", orderId, source: shown, refundId: `refund-of-${orderId}`, state: "COMPLETED" },
      ...{ total: { currencyCode: "USD", minorUnits: "30" }, contactEmail: "ann@example.com" },
    }),
  ]);
});

test("a refund that the order asked for is settled by whichever is heard first, and counted once", async () => {
  for (const first of ["event", "worker"]) {
    const orderId = await completedOrder();
    const { refund } = await service.orders.refundOrder({ orderId, refundId: "r", amount: money(40n), ...now });
    const record = () => service.saga.recordRefund({ orderId, refundId: "r", state: OrderRefund_State.SUCCEEDED });
    const hear = () => tell(orderId, "refunded", refundedBy("SHOP", refund!.paymentRefundId, 40));

    for (const step of first === "event" ? [hear, record, hear] : [record, hear, record]) {
      await step();
    }

    expect(await refundsOf(orderId)).toEqual([["ORDER", "SUCCEEDED", 40]]);
    expect((await service.orders.getOrder({ id: orderId })).order?.refunded).toMatchObject(money(40n));
    expect((await eventsOf(orderId)).length).toBe(1);
  }
});

test("after a refund on the payment, a full refund of the order is of what is left, and never more", async () => {
  const orderId = await completedOrder();
  await tell(orderId, "refunded", refundedBy("SHOP", `half-of-${orderId}`, 60));

  expect(await reasonOf(service.orders.refundOrder({ orderId, amount: money(41n), ...now }))).toBe("REFUND_TOO_HIGH");
  const { refund } = await service.orders.refundOrder({ orderId, refundId: "rest", ...now });
  expect(refund).toMatchObject({ amount: money(40n), atMost: true });
  // The payment service knew of another refund by then.
  await service.saga.recordRefund({
    ...{ orderId, refundId: "rest", state: OrderRefund_State.SUCCEEDED },
    amount: money(25n),
  });
  await tell(orderId, "refunded", refundedBy("PROVIDER", `late-of-${orderId}`, 15));

  expect((await service.orders.getOrder({ id: orderId })).order?.refunded).toMatchObject(money(100n));
  expect(await reasonOf(service.orders.refundOrder({ orderId, ...now }))).toBe("REFUND_TOO_HIGH");
});

test.each(["RESERVED", "SHIPPING"] as const)(
  "an order that is %s hears of a refund too, and goes on",
  async (state) => {
    const orderId = await newOrder();
    await bring(orderId, state);

    await tell(orderId, "refunded", refundedBy("PROVIDER", `early-of-${orderId}`, 30));

    const { order } = await service.orders.getOrder({ id: orderId });
    expect(order?.refunded).toMatchObject(money(30n));
    expect(await eventsOf(orderId)).toMatchObject([{ type: "refunded", state }]);
  },
);

test("a refund on the payment whose id the order used already gets another one", async () => {
  const orderId = await completedOrder();
  await service.orders.refundOrder({ orderId, refundId: "same", amount: money(10n), ...now });

  await tell(orderId, "refunded", refundedBy("SHOP", "same", 20));
  await tell(orderId, "refunded", refundedBy("SHOP", `other-of-${orderId}`, 30));

  expect(await refundsOf(orderId)).toEqual([
    ["ORDER", "PENDING", 10],
    ["PAYMENT", "SUCCEEDED", 20],
    ["PAYMENT", "SUCCEEDED", 30],
  ]);
  const taken = { orderId, refundId: `other-of-${orderId}`, amount: money(1n), ...now };
  expect(await reasonOf(service.orders.refundOrder(taken))).toBe("REQUEST_ID_REUSED");
});

test.each([
  ["undoes its payment", refundedBy("UNDO", "void-1", 100)],
  ["undid its payment by hand", { ...refundedBy("UNDO", "by-hand-1", 100), source: "HAND" }],
  ["undid its payment, by an older release", { ...refundedBy("UNDO", "void-2", 100), source: undefined }],
])("a refund that %s is not one of the order", async (_, refund) => {
  const orderId = await newOrder();
  await tell(orderId, "refunded", refund);
  expect(await refundsOf(orderId)).toEqual([]);
});

test("events that cannot be recorded do not hold up the others", async () => {
  const orderId = await completedOrder();
  await tell("no-such-order", "refunded", refundedBy("SHOP", "lost", 1));
  await tell(orderId, "refunded", { ...refundedBy("SHOP", "strange", 1), amount: { minorUnits: "-1" } });
  await tell(orderId, "dispute_opened", {});
  await tell(orderId, "refunded", refundedBy("SHOP", `good-of-${orderId}`, 5));
  expect(await refundsOf(orderId)).toEqual([["PAYMENT", "SUCCEEDED", 5]]);
});

test.each([
  ["no JSON object", "[]"],
  ["no amount", JSON.stringify({ orderId: "o", refundId: "r" })],
  ["no refund id", JSON.stringify({ orderId: "o", amount: { minorUnits: "1" } })],
])("an event with %s", (_, data) => {
  const read = () => readPaymentEvent({ type: "sagacart.payment.refunded.v1", data });
  if (data === "[]") {
    // It names no order.
    expect(read()).toBeUndefined();
  } else {
    expect(read).toThrow(UnreadableEventError);
  }
});

function disputeOf(orderId: string, minorUnits = 60, disputeId = `dp-${orderId}`) {
  return { disputeId, reason: "fraudulent", amount: { currencyCode: "USD", minorUnits: `${minorUnits}` } };
}

async function disputesOf(orderId: string) {
  const { order } = await service.orders.getOrder({ id: orderId });
  return order?.disputes.map(({ state, amount, reason }) => [
    OrderDispute_StateSchema.value[state]?.localName,
    Number(amount?.minorUnits),
    reason,
  ]);
}

async function incidentsOf(orderId: string) {
  const { incidents } = await service.incidents.listIncidents({ orderId });
  return incidents.map(({ step, state, resolution }) => [step, state === Incident_State.OPEN ? "OPEN" : resolution]);
}

test.each(["won", "lost"])("a dispute is shown with its order, and is an incident until it is %s", async (end) => {
  const orderId = await completedOrder();

  await tell(orderId, "dispute_opened", disputeOf(orderId));
  await tell(orderId, "dispute_opened", disputeOf(orderId));
  expect(await disputesOf(orderId)).toEqual([["OPEN", 60, "fraudulent"]]);
  expect(await incidentsOf(orderId)).toEqual([["dispute", "OPEN"]]);
  expect(await reasonOf(service.orders.refundOrder({ orderId, amount: money(41n), ...now }))).toBe("REFUND_TOO_HIGH");

  await tell(orderId, `dispute_${end}`, disputeOf(orderId));
  await tell(orderId, `dispute_${end === "won" ? "lost" : "won"}`, disputeOf(orderId));
  await tell(orderId, "dispute_opened", disputeOf(orderId));

  expect(await disputesOf(orderId)).toEqual([[end.toUpperCase(), 60, "fraudulent"]]);
  expect(await incidentsOf(orderId)).toEqual([["dispute", `dispute dp-${orderId} was ${end}`]]);
  expect(await eventsOf(orderId)).toMatchObject(
    ["dispute_opened", `dispute_${end}`].map((type) => ({
      ...{ type, orderId, disputeId: `dp-${orderId}`, reason: "fraudulent", state: "COMPLETED" },
      total: { currencyCode: "USD", minorUnits: "60" },
    })),
  );
  const { refund } = await service.orders.refundOrder({ orderId, ...now });
  expect(refund?.amount).toMatchObject(money(end === "won" ? 100n : 40n));
});

test("the incident of an order with two disputes stays open until both are decided, and no workflow retries it", async () => {
  const orderId = await completedOrder();
  await tell(orderId, "dispute_opened", disputeOf(orderId, 10, `a-${orderId}`));
  await tell(orderId, "dispute_opened", disputeOf(orderId, 20, `b-${orderId}`));
  await tell(orderId, "dispute_won", disputeOf(orderId, 10, `a-${orderId}`));

  const { incidents } = await service.incidents.listIncidents({ orderId });
  expect(await incidentsOf(orderId)).toEqual([["dispute", "OPEN"]]);
  expect(await reasonOf(service.incidents.retryIncident({ id: incidents[0]!.id }))).toBe("INCIDENT_NOT_RETRYABLE");
  await tell(orderId, "dispute_lost", disputeOf(orderId, 20, `b-${orderId}`));

  expect(await incidentsOf(orderId)).toEqual([["dispute", `dispute b-${orderId} was lost`]]);
  expect(await disputesOf(orderId)).toEqual([
    ["WON", 10, "fraudulent"],
    ["LOST", 20, "fraudulent"],
  ]);
});

test("a caller who waits for a refund is answered when its event comes", async () => {
  const orderId = await completedOrder();
  const waiting = service.orders.refundOrder({ orderId, refundId: "r", waitAtMost: { seconds: 20n } });
  await expect.poll(() => reasonOf(service.orders.getOrderRefund({ orderId, refundId: "r" }))).toBe("");
  const { refund } = await service.orders.getOrderRefund({ orderId, refundId: "r" });
  await tell(orderId, "refunded", refundedBy("SHOP", refund!.paymentRefundId, 100));
  expect((await waiting).refund?.state).toBe(OrderRefund_State.SUCCEEDED);
});
