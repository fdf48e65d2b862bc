import { Order_State } from "@sagacart/proto/order/v1/order";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DatabaseName } from "../scripts/shop.ts";
import { makeCustomer, makeProduct, placeOneOfEach } from "./support/scenario.ts";
import { startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// Tests that the audit can fail: each breach is planted, found and removed.

let test_: TestShop;
let completed: string;
let byCard: string;
let rejected: string;
beforeAll(async () => {
  test_ = await startShop();
  const orders = await placeOneOfEach(test_.shop);
  await Promise.all([...orders.keys()].map((id) => untilFinal(test_.shop, id)));
  [completed = ""] = [...orders].find(([, state]) => state === Order_State.COMPLETED) ?? [];
  byCard = await refundAndDispute();
  [rejected = ""] = [...orders].findLast(([, state]) => state === Order_State.REJECTED) ?? [];
});
afterAll(() => test_?.[Symbol.asyncDispose]());

/** Completes an order that is paid by card, refunds a part of it at the provider, and disputes it twice. */
async function refundAndDispute(): Promise<string> {
  const { shop, dashboard } = test_;
  const productId = await makeProduct(shop, 10);
  const { order } = await shop.orders.checkout({
    ...{ customerId: "disputing", lines: [{ productId, quantity: 1 }], paymentMethod: "pm_ok" },
  });
  const { payments } = await shop.payments.listPayments({ orderId: order!.id });
  const charge = payments[0]!.id;
  await dashboard.refund({ key: `outside-${charge}`, charge, amountMinor: 30n });
  await dashboard.openDispute({ id: `lost-${charge}`, charge, amountMinor: 20n });
  await dashboard.decideDispute(`lost-${charge}`, "lost");
  await dashboard.openDispute({ id: `open-${charge}`, charge, amountMinor: 10n });
  await until(30_000, "the order to hear of it", async () => {
    const { order: now } = await shop.orders.getOrder({ id: order!.id });
    const states = now?.disputes.map(({ state }) => state).toSorted();
    return now?.refunded?.minorUnits === 30n && states?.join() === "1,3" ? now : undefined;
  });
  return order!.id;
}

test("finds no breaches in a shop without breaches", async () => {
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});

type Plant = [breach: string, law: number, database: DatabaseName, sql: string | (() => string)];

const plants: Plant[] = [
  [
    "money from nowhere",
    1,
    "payment",
    "update postings set amount_minor = amount_minor + 1 where line = (select min(line) from postings)",
  ],
  [
    "a balance that is not the sum of its postings",
    1,
    "payment",
    "update accounts set balance = balance + 1 where kind = 'CUSTOMER'",
  ],
  [
    "a payment marked as refunded without a refund",
    1,
    "payment",
    "update payments set refunded_minor = 1, state = 'CAPTURED' where captured_minor > 0 and refunded_minor = 0",
  ],
  ["stock from nowhere", 2, "stock", "update levels set on_hand = on_hand + 1"],
  [
    "reserved stock without a reservation",
    2,
    "stock",
    "update levels set reserved = reserved + 1 where on_hand > reserved",
  ],
  [
    "a sale without a reservation",
    2,
    "stock",
    () => `update movements set reference = 'nobody' where reference = '${completed}'`,
  ],
  [
    "a completed order without a captured payment",
    3,
    "payment",
    () => `update payments set state = 'VOIDED', refunded_minor = captured_minor where order_id = '${completed}'`,
  ],
  [
    "a completed order without committed stock",
    3,
    "stock",
    () => `update reservations set state = 'RELEASED' where id = '${completed}'`,
  ],
  [
    "a completed order without a shipment",
    3,
    "shipping",
    () => `delete from shipments where order_id = '${completed}'`,
  ],
  [
    "a rejected order that was charged",
    3,
    "payment",
    () => `update payments set order_id = '${rejected}', attempt = 20 where order_id = '${completed}'`,
  ],
  [
    "a pinned reservation without an open order",
    3,
    "stock",
    () => `update reservations set state = 'PINNED' where id = '${rejected}'`,
  ],
  ["a stalled order", 3, "order", () => `update orders set state = 'SHIPPING' where id = '${completed}'`],
  [
    "a refund that the provider refuses, without an open incident",
    3,
    "payment",
    () => `insert into refunds (id, place, payment_id, amount_minor, state, failure_reason)
           select 'void-planted', gen_random_uuid(), id, 1, 'REFUSED', 'charge_disputed' from payments
           where order_id = '${completed}'`,
  ],
  [
    "a settlement by hand that is not in the ledger",
    1,
    "payment",
    () => `insert into refunds (id, place, payment_id, amount_minor, state, source, actor_kind, actor_id, reason)
           select 'by-hand-planted', gen_random_uuid(), id, 1, 'SUCCEEDED', 'HAND', 'OPERATOR', 'ann', 'cash' from payments
           where order_id = '${completed}'`,
  ],
  [
    "an entry of a settlement that nobody made",
    1,
    "payment",
    "update journal_entries set kind = 'settled_by_hand' where kind = 'refund'",
  ],
  [
    "a shipment that the carrier does not give back, without an incident",
    3,
    "shipping",
    () => `insert into shipments (order_id, state, event_sequence, recall_refusal)
           values ('${rejected}', 'CANCELLED', 0, 'on_its_way')
           on conflict (order_id) do update set recall_refusal = 'on_its_way'`,
  ],
  [
    "a refunded amount without a refund request",
    3,
    "order",
    () => `update orders set refunded_minor = 1 where id = '${completed}'`,
  ],
  [
    "a refund on the payment that its order does not have",
    3,
    "order",
    () =>
      `with gone as (delete from order_refunds where order_id = '${byCard}')
       update orders set refunded_minor = 0 where id = '${byCard}'`,
  ],
  [
    "a dispute that its order does not have",
    3,
    "order",
    () => `update orders set disputes = null where id = '${byCard}'`,
  ],
  [
    "a dispute with another state in its order",
    3,
    "order",
    () => `update orders set disputes = jsonb_set(disputes, '{0,state}', '"WON"') where id = '${byCard}'`,
  ],
  ["a dispute that only its order has", 3, "payment", "delete from disputes where id like 'open-%'"],
  [
    "a refund from outside that is posted as another kind",
    1,
    "payment",
    "update journal_entries set kind = 'refund' where kind = 'outside_refund'",
  ],
  [
    "a disputed amount without a dispute",
    1,
    "payment",
    "update payments set disputed_minor = 1 where disputed_minor = 0",
  ],
  [
    "a lost dispute that is still open in the ledger",
    1,
    "payment",
    `delete from postings where entry_id in (select id from journal_entries where kind = 'dispute_lost')`,
  ],
  [
    "a request answered with another customer's order",
    4,
    "order",
    () =>
      `insert into requests (scope, request_id, method, fingerprint, resource_id) values ('mallory', 'r', 'Checkout', '', '${completed}')`,
  ],
  [
    "a cart with two open orders",
    4,
    "order",
    "update orders set cart_id = 'same', state = 'PAID' where state = 'COMPLETED'",
  ],
  ["a missing event", 5, "order", () => `delete from events where subject = '${completed}' and sequence = 2`],
  [
    "an event whose data differ from the change",
    5,
    "order",
    () =>
      `update events set data = jsonb_set(data, '{state}', '"PAID"') where subject = '${completed}' and sequence = 5`,
  ],
  [
    "an event that is missing in the feed",
    5,
    "order",
    () =>
      `with gone as (delete from event_positions where subject = '${completed}' and sequence = 2)
       update events set time = now() - interval '1 hour' where subject = '${completed}' and sequence = 2`,
  ],
  [
    "events in the wrong order",
    5,
    "order",
    () => `update event_positions set position = -sequence where subject = '${completed}'`,
  ],
  [
    "an event with two positions in the feed",
    5,
    "order",
    () => `insert into event_positions values (-1, '${completed}', 2)`,
  ],
  [
    "data of a customer that was deleted",
    7,
    "payment",
    // Reported already, so that payment has nothing to do about it.
    `insert into erasures (customer_id, done_time, report_time, next_try_time)
     select customer_id, now(), now(), null from payments where payment_method <> '' limit 1`,
  ],
];

test.each(plants)("finds %s", async (_, law, database, sql) => {
  const db = new pg.Client({ connectionString: test_.stack.databaseUrl(database) });
  await db.connect();
  const { rows } = await db.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' order by 1",
  );
  const tables = rows.map(({ name }) => name);
  try {
    await db.query("begin");
    for (const table of tables) {
      await db.query(`create temporary table kept_${table} as table ${table}`);
    }
    await loosen(db, tables);
    // Keep the sequencer from repairing the feed in the meantime.
    await db.query("select pg_advisory_lock(hashtext('sagacart.event-feed'))");
    const statement = typeof sql === "string" ? sql : sql();
    expect((await db.query(statement)).rowCount, statement).toBeGreaterThan(0);
    await db.query("commit");
    // A planted breach stays: it need not be waited for.
    const found = await test_.breaches({ stalledAfterMs: 0, readAgainMs: 0 });
    expect(found.filter((breach) => breach.startsWith(`law ${law}:`))).not.toEqual([]);
  } finally {
    await restore(db, tables);
    await db.end();
  }
  expect(await test_.breaches({ stalledAfterMs: 0 })).toEqual([]);
});

/** Drops the database's constraints and triggers, which would prevent most breaches. */
async function loosen(db: pg.Client, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    await db.query(`alter table ${table} disable trigger user`);
  }
  const { rows } = await db.query<{ table: string; name: string }>(
    `select conrelid::regclass::text as table, conname as name from pg_constraint
     where connamespace = 'public'::regnamespace and contype in ('c', 'f')`,
  );
  for (const { table, name } of rows) {
    await db.query(`alter table ${table} drop constraint ${name}`);
  }
}

/** Restores the rows. The constraints stay dropped: this shop is used by this file only. */
async function restore(db: pg.Client, tables: readonly string[]): Promise<void> {
  await db.query("begin");
  await loosen(db, tables);
  for (const table of tables) {
    await db.query(`delete from ${table}`);
    const { rows } = await db.query<{ names: string }>(
      `select string_agg(quote_ident(column_name), ', ') as names from information_schema.columns
       where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'`,
      [table],
    );
    await db.query(
      `insert into ${table} (${rows[0]?.names}) overriding system value select ${rows[0]?.names} from kept_${table}`,
    );
    await db.query(`drop table kept_${table}`);
  }
  await db.query("commit");
}

test("reads an apparent breach again before reporting it, because services commit at different moments", async () => {
  const productId = await makeProduct(test_.shop, 1_000);
  const customerId = await makeCustomer(test_.shop, 100_000n);
  let busy = true;
  const callers = Array.from({ length: 8 }, async () => {
    while (busy) {
      await test_.shop.orders.checkout({ customerId, lines: [{ productId, quantity: 1 }] });
    }
  });
  expect(await test_.breaches()).toEqual([]);
  expect(await test_.breaches()).toEqual([]);
  busy = false;
  await Promise.all(callers);
});
