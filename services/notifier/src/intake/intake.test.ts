import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import { EventSchema } from "@sagacart/proto/event/v1/event";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pruneMessages } from "../messages/pruning-store.ts";
import { seedTemplates } from "../templates/template-store.ts";
import { notifierDatabase } from "../testing/notifier.ts";
import { ingest } from "./intake.ts";

let database: TestDatabase;
let position = 0n;

beforeAll(async () => {
  database = await notifierDatabase();
  await seedTemplates(database.pool);
});
afterAll(() => database[Symbol.asyncDispose]());

function event(orderId: string, name: string, data: object = {}, time = new Date()) {
  position++;
  const customerId = `customer-of-${orderId}`;
  return create(EventSchema, {
    id: `event-${position}`,
    subject: orderId,
    type: name.includes(".") ? `sagacart.${name}.v1` : `sagacart.order.${name}.v1`,
    data: JSON.stringify({ customerId, ...data }),
    position,
    time: timestampFromDate(time),
  });
}

const take = (events: ReturnType<typeof event>[], since?: Date, operators?: string[]) =>
  withTransaction(database.pool, (tx) =>
    ingest(tx, events, { since, ...(operators === undefined ? {} : { operators }) }),
  );

async function mailsAbout(orderId: string) {
  const { rows } = await database.pool.query(
    `select event_type, recipient, state, try_time > now() as waits from messages
     where order_id = $1 and channel = 'EMAIL' order by id`,
    [orderId],
  );
  return rows.map(({ event_type, ...row }) => ({ type: event_type.split(".")[2], ...row }));
}

const address = { contactEmail: "ada@example.com" };

test("a paid order that moves on at once makes no mail for the payment", async () => {
  const { notified } = await take([event("o-fast", "paid", address), event("o-fast", "completed", address)]);
  expect(notified.map(({ type }) => type)).toEqual(["sagacart.order.completed.v1"]);
  expect(await mailsAbout("o-fast")).toMatchObject([{ type: "completed", state: "PENDING", waits: false }]);
});

test("one that moves on soon suppresses the waiting mail, and one that does not gets it at the address of earlier mail", async () => {
  await take([event("o-soon", "awaiting_payment", address), event("o-slow", "awaiting_payment", address)]);
  await take([event("o-soon", "paid"), event("o-slow", "paid")]);
  const paid = { type: "paid", recipient: "ada@example.com", state: "PENDING", waits: true };
  expect((await mailsAbout("o-soon")).at(-1)).toEqual(paid);
  await take([event("o-soon", "completed", address)]);
  expect(await mailsAbout("o-soon")).toMatchObject([
    { type: "awaiting_payment" },
    { type: "paid", state: "SUPPRESSED" },
    { type: "completed" },
  ]);
  expect((await mailsAbout("o-slow")).at(-1)).toEqual(paid);
});

test("a guest's order makes mails to its contact address only, and a claim makes them the customer's", async () => {
  const guestCustomerId = `guest-${"g".repeat(32)}`;
  const guests = { ...address, customerId: guestCustomerId };
  await take([event("o-guest", "completed", guests), event("o-other", "completed", guests)]);
  const owners = async (orderId: string) => {
    const { rows } = await database.pool.query("select channel, customer_id from messages where order_id = $1", [
      orderId,
    ]);
    return rows.map(({ channel, customer_id }) => `${channel} of ${customer_id}`);
  };
  expect(await owners("o-guest")).toEqual([`EMAIL of ${guestCustomerId}`]);

  const claim = event("o-guest", "claimed", { customerId: "ann", guestCustomerId });
  await take([claim]);
  await take([claim]);

  expect(await owners("o-guest")).toEqual(["EMAIL of ann"]);
  expect(await owners("o-other")).toEqual([`EMAIL of ${guestCustomerId}`]);
});

test("a cart about to expire makes a message that names no order", async () => {
  const data = {
    cartId: "cart-1",
    customerId: "ada",
    name: "Birthday",
    expireTime: "2026-03-02T09:30:00Z",
    ...address,
  };
  await take([event("carts/cart-1", "cart.expiring", data)]);
  const { rows } = await database.pool.query(
    "select order_id, channel from messages where cart_id = 'cart-1' order by 2",
  );
  expect(rows).toEqual([
    { order_id: "", channel: "EMAIL" },
    { order_id: "", channel: "INBOX" },
  ]);
});

test("a guest's cart about to expire makes no message and is not skipped as unreadable", async () => {
  const ofAGuest = event("carts/2", "cart.expiring", { cartId: "cart-2", customerId: undefined });
  expect(await take([ofAGuest])).toEqual({ notified: [], skipped: [] });
  const { rows } = await database.pool.query("select from messages where cart_id = 'cart-2'");
  expect(rows).toEqual([]);
});

test("deleted old messages leave the unread count, and reading the feed again does not recreate them", async () => {
  const keepMs = 90 * 86_400_000;
  const ids = ["o-old-1", "o-old-2"];
  const notified = ids.map((orderId) => event(orderId, "completed", { customerId: "keeper", ...address }));
  await take(notified);
  await database.pool.query(
    "update messages set state = 'SENT', try_time = null, send_time = now() where state = 'PENDING'",
  );
  const waiting = event("o-waiting", "completed", { customerId: "keeper", ...address });
  await take([waiting]);
  const unread = async () => {
    const { rows } = await database.pool.query("select unread from inboxes where customer_id = 'keeper'");
    return rows[0].unread;
  };
  expect(await unread()).toBe(3n);

  expect(await pruneMessages(database.pool, new Date(Date.now() - keepMs))).toBe(0);
  // Ninety days later.
  await pruneMessages(database.pool, new Date(Date.now() + 1));
  const left = async () => (await database.pool.query("select order_id, state from messages")).rows;
  expect(await left()).toEqual([{ order_id: "o-waiting", state: "PENDING" }]);
  expect(await unread()).toBe(0n);

  await take([...notified, waiting], new Date(Date.now() + 1));
  expect(await left()).toEqual([{ order_id: "o-waiting", state: "PENDING" }]);
});

const team = ["ops@shop.example", "boss@shop.example"];

async function messagesAbout(orderId: string) {
  const { rows } = await database.pool.query(
    "select event_type as type, channel, recipient, customer_id as customer from messages where order_id = $1 order by 1, 2, 3",
    [orderId],
  );
  return rows.map(({ type, ...row }) => ({ type: type.split(".")[2], ...row }));
}

test.each(["dispute_opened", "dispute_won", "dispute_lost"])(
  "%s makes a mail to each operator, once, and no message to the customer",
  async (type) => {
    const told = event(`o-${type}`, type, { disputeId: "dp_1", reason: "fraudulent", ...address });
    expect((await take([told], undefined, team)).notified).toEqual([told]);
    await take([told], undefined, team);
    expect(await messagesAbout(`o-${type}`)).toEqual(
      team.toSorted().map((recipient) => ({ type, channel: "EMAIL", recipient, customer: "" })),
    );
  },
);

test("a refund from outside makes the customer's messages and a mail to each operator; any other only the former", async () => {
  const customers = (orderId: string) => [
    { type: "refunded", channel: "EMAIL", recipient: "ada@example.com", customer: `customer-of-${orderId}` },
    { type: "refunded", channel: "INBOX", recipient: `customer-of-${orderId}`, customer: `customer-of-${orderId}` },
  ];
  for (const source of ["ORDER", "PAYMENT", "PROVIDER"]) {
    const orderId = `o-refund-${source}`;
    await take([event(orderId, "refunded", { source, ...address })], undefined, team);
    expect(await messagesAbout(orderId)).toEqual([
      ...customers(orderId),
      ...(source === "PROVIDER"
        ? team.toSorted().map((recipient) => ({ type: "refunded_outside", channel: "EMAIL", recipient, customer: "" }))
        : []),
    ]);
  }
});

test("a dispute does not keep the customer from the mail that waits for the order to move on", async () => {
  await take([event("o-waits", "paid", address), event("o-waits", "dispute_opened", { disputeId: "dp_2" })]);
  expect(await mailsAbout("o-waits")).toMatchObject([{ type: "paid", state: "PENDING", waits: true }]);
});

test("without operators' addresses a dispute makes no message", async () => {
  await take([event("o-nobody", "dispute_opened", { disputeId: "dp_1" })]);
  expect(await messagesAbout("o-nobody")).toEqual([]);
});
