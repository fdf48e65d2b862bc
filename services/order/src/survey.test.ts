import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { ask, type Question } from "@sagacart/chassis/postgres/survey";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { raiseIncident } from "./incidents/incident-store.ts";
import { questions } from "./survey.ts";
import { startOrderService, type TestOrderService } from "./testing/order.ts";

let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService();
});
afterAll(() => service?.[Symbol.asyncDispose]());
// A transaction is repeated after a deadlock with one of the service's background rounds, which take the tables in another order.
beforeEach(() =>
  withTransaction(service.owner, (tx) => tx.query("truncate orders, carts, commands, command_batches cascade")),
);

/** The series of a gauge, by their labels' values. */
async function series(name: string): Promise<Record<string, number>> {
  const question = questions.find(({ gauges }) => name in gauges) as Question;
  const rows = await ask(service.pool, question);
  return Object.fromEntries(rows.map((row) => [question.labels.map((label) => row[label]).join(), Number(row[name])]));
}

async function placed(): Promise<string> {
  const orderId = uuidv7();
  await service.orders.checkout({
    orderId,
    customerId: "ada",
    lines: [{ productId: "mug", quantity: 2 }],
    waitFor: WaitFor.ACCEPTED,
  });
  return orderId;
}

async function moved(orderId: string, ...states: Order_State[]): Promise<void> {
  await service.saga.batchBegin({ workflowId: "w", orderIds: [orderId] });
  await service.saga.batchMove({ workflowId: "w", items: [{ orderId, states }] });
}

test("every question has an answer with its gauges and labels", async () => {
  for (const question of questions) {
    const [row = {}] = await ask(service.pool, question);
    const columns = Object.keys(row).sort();
    const isEmpty = columns.length === 0;
    expect(isEmpty ? "sagacart_money_held_minor_units" in question.gauges : true).toBe(true);
    expect(isEmpty ? [] : [...Object.keys(question.gauges), ...question.labels].sort()).toEqual(columns);
  }
});

test("orders under way are counted by state, without final ones", async () => {
  await placed();
  await moved(await placed(), Order_State.RESERVED, Order_State.PAID);
  await moved(await placed(), Order_State.REJECTED);
  expect(await series("sagacart_orders")).toEqual({
    ...{ PENDING: 1, RESERVED: 0, AWAITING_PAYMENT: 0, PAID: 1, SHIPPING: 0, CANCELLING: 0 },
  });
  expect(await series("sagacart_money_held_minor_units")).toEqual({ "PAID,USD": 200 });
});

test("an order that has not changed for long is stalled, unless it waits for its customer", async () => {
  const pending = await placed();
  const awaiting = uuidv7();
  await service.orders.checkout({
    ...{ orderId: awaiting, customerId: "ada", payLater: true, waitFor: WaitFor.ACCEPTED },
    lines: [{ productId: "pen", quantity: 1 }],
  });
  await moved(awaiting, Order_State.RESERVED, Order_State.AWAITING_PAYMENT);
  expect(await series("sagacart_orders_stalled")).toEqual({ "": 0 });
  await service.pool.query(
    "update orders set create_time = now() - interval '6 minutes', update_time = now() - interval '6 minutes'",
  );
  expect(await series("sagacart_orders_stalled")).toEqual({ "": 1 });
  expect((await series("sagacart_orders_unchanged_oldest_seconds")).PENDING).toBeGreaterThanOrEqual(360);
  await moved(pending, Order_State.REJECTED);
  expect(await series("sagacart_orders_stalled")).toEqual({ "": 0 });
  // It has expired without being cancelled.
  await service.pool.query("update orders set expire_time = now() - interval '6 minutes'");
  expect(await series("sagacart_orders_stalled")).toEqual({ "": 1 });
});

test("commands wait until they are claimed, and a claim that ran out is overdue", async () => {
  await placed();
  await placed();
  await service.pool.query(
    "update commands set create_time = now() - interval '40 s', update_time = now() - interval '40 s'",
  );
  expect(await series("sagacart_commands_waiting")).toMatchObject({ CHECKOUT: 2, PAY: 0 });
  expect((await series("sagacart_commands_waiting_oldest_seconds")).CHECKOUT).toBeGreaterThanOrEqual(40);
  await service.commands.claimCommands({ claimer: "t", kinds: ["CHECKOUT"], maxCommands: 9, lease: { seconds: 60n } });
  expect(await series("sagacart_commands_waiting")).toMatchObject({ CHECKOUT: 0 });
  expect(await series("sagacart_command_batches_unconfirmed")).toEqual({ "": 1 });
  expect(await series("sagacart_command_batches_overdue_seconds")).toEqual({ "": 0 });
  await service.pool.query("update command_batches set lease_expire_time = now() - interval '30 s'");
  expect((await series("sagacart_command_batches_overdue_seconds"))[""]).toBeGreaterThanOrEqual(30);
});

test("events that no sequencer took are counted, with the age of the oldest", async () => {
  await expect.poll(() => series("sagacart_events_unsequenced")).toEqual({ "": 0 });
  const blocker = await service.pool.connect();
  await blocker.query("select pg_advisory_lock(hashtext('sagacart.event-feed'))");
  await placed();
  expect(await series("sagacart_events_unsequenced")).toEqual({ "": 1 });
  expect((await series("sagacart_events_unsequenced_oldest_seconds"))[""]).toBeGreaterThan(0);
  blocker.release(true);
  await expect.poll(() => series("sagacart_events_unsequenced")).toEqual({ "": 0 });
  expect((await series("sagacart_events_head_position"))[""]).toBeGreaterThan(0);
});

test("open incidents are counted by step, with the age of the oldest", async () => {
  const orderId = await placed();
  await raiseIncident(service.pool, { orderId, step: "undo", workflowId: "w", error: "no answer", attempts: 1 });
  await service.pool.query("update incidents set create_time = now() - interval '90 s'");
  expect(await series("sagacart_incidents_open")).toMatchObject({ undo: 1, charge: 0 });
  expect((await series("sagacart_incident_oldest_seconds")).undo).toBeGreaterThanOrEqual(90);
});

test("open carts are counted by customer and guest", async () => {
  await service.carts.createCart({ customerId: "ada" });
  await service.guests.createGuestCart({});
  expect(await series("sagacart_carts_open")).toEqual({ customer: 1, guest: 1 });
});
