import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import { EventSchema } from "@sagacart/proto/event/v1/event";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ingest } from "../../intake/intake.ts";
import { applyChanges } from "../../messages/customer-store.ts";
import { kinds } from "../../messages/kind.ts";
import { seedTemplates } from "../../templates/template-store.ts";
import { notifierDatabase, startTestFeed, startTestMailServer, startTestNotifier } from "../../testing/notifier.ts";

const cleanup = new AsyncDisposableStack();
let database: TestDatabase;
beforeAll(async () => {
  database = cleanup.use(await notifierDatabase());
  await seedTemplates(database.pool);
});
afterAll(() => cleanup.disposeAsync());

const data = {
  orderId: "o-1",
  cartId: "c-1",
  total: { currencyCode: "USD", minorUnits: "100" },
  contactEmail: "ada@mail.test",
};
const eventOf = (type: string, customerId: string) =>
  create(EventSchema, {
    id: `${type} ${customerId}`,
    type,
    subject: "o-1",
    time: timestampNow(),
    data: JSON.stringify({ ...data, customerId }),
  });

const forCustomers = kinds.filter(({ isForOperators }) => isForOperators !== true);

test.each(forCustomers.map(({ eventType }) => eventType))(
  "%s makes no message for a deleted customer",
  async (type) => {
    await database.pool.query("insert into erasures (customer_id) values ('gone') on conflict do nothing");
    await database.pool.query(
      "insert into contacts (customer_id, email) values ('gone', 'gone@mail.test') on conflict do nothing",
    );
    const events = [eventOf(type, "gone"), eventOf(type, "here")];

    await withTransaction(database.pool, (tx) => ingest(tx, events));

    const { rows } = await database.pool.query("select distinct customer_id from messages where event_type = $1", [
      type,
    ]);
    expect(rows).toEqual([{ customer_id: "here" }]);
  },
);

test("a message that waits is not sent once the customer is deleted", async () => {
  await using orders = await startTestFeed();
  await using mail = await startTestMailServer();
  await using own = await notifierDatabase();
  const insert = (id: string) =>
    own.pool.query(
      `insert into messages (id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name, language,
         template_version, facts, state, try_time)
       values ($1, $1, 'sagacart.order.completed.v1', 'o', '', $1, 'EMAIL', $1 || '@mail.test', '', 'en', 1, $2,
         'PENDING', now())`,
      [id, JSON.stringify({ ...data, customerId: id })],
    );
  await own.pool.query("insert into erasures (customer_id) values ('gone')");
  await insert("gone");
  await insert("here");

  await using _notifier = await startTestNotifier({
    feedAddress: orders.address,
    database: own,
    env: { SMTP_URL: mail.url },
  });

  const states = async () => {
    const { rows } = await own.pool.query("select id, state from messages order by id");
    return rows;
  };
  await expect.poll(states).toEqual([
    { id: "gone", state: "SUPPRESSED" },
    { id: "here", state: "SENT" },
  ]);
  expect(mail.mails.flatMap(({ recipients }) => recipients)).toEqual(["here@mail.test"]);
});

test("an unsubscription for a deleted customer stores nothing", async () => {
  await database.pool.query("insert into erasures (customer_id) values ('gone') on conflict do nothing");
  const change = { channel: "EMAIL", eventType: "sagacart.order.completed.v1", enabled: false } as const;
  await applyChanges(database.pool, "gone", [change]);
  await applyChanges(database.pool, "here", [change]);
  const { rows } = await database.pool.query("select customer_id from turned_off");
  expect(rows).toEqual([{ customer_id: "here" }]);
});
