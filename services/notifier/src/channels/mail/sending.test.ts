import { create } from "@bufbuild/protobuf";
import { createProxy } from "@sagacart/chassis/testing/proxy";
import { takePage } from "@sagacart/outbox/events/consumer";
import { EventSchema } from "@sagacart/proto/event/v1/event";
import { expect, test } from "vitest";
import { ingest, orderCursor } from "../../intake/intake.ts";
import { seedTemplates } from "../../templates/template-store.ts";
import { notifierDatabase, startTestFeed, startTestMailServer, startTestNotifier } from "../../testing/notifier.ts";

const completed = (subject: string, contactEmail = "ada@example.com") => ({
  subject,
  sequence: 1,
  type: "sagacart.order.completed.v1",
  data: { customerId: "customer-1", contactEmail },
});

test("an event delivered many times by several readers makes one message", async () => {
  await using database = await notifierDatabase();
  await seedTemplates(database.pool);
  const events = Array.from({ length: 50 }, (_, index) => {
    const { subject, type, data } = completed(`o-${index}`);
    return create(EventSchema, {
      id: `event-${index}`,
      subject,
      type,
      data: JSON.stringify(data),
      position: BigInt(index + 1),
    });
  });
  // Overlapping pages, from independent readers.
  const pages = [0, 10, 20, 5, 0, 30, 0].map((start) => ({ events: events.slice(start), nextPosition: 50n }));
  const beginning = { position: 0n, generation: 0n };
  const reader = { pool: database.pool, cursor: orderCursor, take: ingest };
  await Promise.all(pages.map((page) => takePage(reader, page, beginning)));
  // And as if an older backup had been restored, with an older cursor.
  await database.pool.query("update cursors set position = 0");
  await takePage(reader, { events, nextPosition: 50n }, beginning);
  const { rows } = await database.pool.query(
    "select channel, count(*), count(distinct event_id) as events from messages group by 1 order by 1",
  );
  expect(rows).toEqual([
    { channel: "EMAIL", count: 50n, events: 50n },
    { channel: "INBOX", count: 50n, events: 50n },
  ]);
  const inboxes = await database.pool.query("select customer_id, sequence, unread from inboxes");
  expect(inboxes.rows).toEqual([{ customer_id: "customer-1", sequence: 50n, unread: 50n }]);
});

test("of several notifiers one reads and all send, each message once", async () => {
  await using stack = new AsyncDisposableStack();
  const feed = stack.use(await startTestFeed());
  const mails = stack.use(await startTestMailServer());
  const database = stack.use(await notifierDatabase());
  const options = { feedAddress: feed.address, database, env: { SMTP_URL: mails.url } };
  const first = await startTestNotifier(options);
  stack.use(await startTestNotifier(options));
  const locks =
    "select from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())";
  await expect.poll(async () => (await database.pool.query(locks)).rowCount).toBe(1);
  await feed.publish(Array.from({ length: 100 }, (_, index) => completed(`o-${index}`)));
  await expect.poll(() => mails.mails.length).toBe(100);
  // The reader stops, and another takes over.
  await first[Symbol.asyncDispose]();
  await feed.publish([completed("o-last")]);
  await expect.poll(() => mails.mails.length).toBe(101);
  expect(new Set(mails.mails.map(({ messageId }) => messageId)).size).toBe(101);
});

test("mail waits while the mail server is down, and is sent when it is up", async () => {
  await using stack = new AsyncDisposableStack();
  const feed = stack.use(await startTestFeed());
  const down = await startTestMailServer();
  await down[Symbol.asyncDispose]();
  const database = stack.use(await notifierDatabase());
  const env = { SMTP_URL: down.url, MAIL_ATTEMPTS: "50" };
  const { notifier } = stack.use(await startTestNotifier({ feedAddress: feed.address, database, env }));
  await feed.publish([completed("o-1"), completed("o-2")]);
  const tried = async () =>
    (await notifier.listMessages({ channel: 1 })).messages.map(({ state, attempts }) => state === 1 && attempts > 1);
  await expect.poll(tried).toEqual([true, true]);
  const mails = stack.use(await startTestMailServer(down.port));
  await expect.poll(() => mails.mails.length).toBe(2);
  await expect.poll(async () => (await notifier.getProgress({})).pendingMessages).toBe(0n);
});

test("reading continues when an unreachable feed is back, at the start and later", async () => {
  await using stack = new AsyncDisposableStack();
  const feed = stack.use(await startTestFeed());
  const mails = stack.use(await startTestMailServer());
  const database = stack.use(await notifierDatabase());
  const [host = "", port] = feed.address.split(":");
  const wire = stack.use(await createProxy({ host, port: Number(port) }));
  await wire.cut();
  await feed.publish([completed("o-1")]);
  const env = { SMTP_URL: mails.url };
  stack.use(await startTestNotifier({ feedAddress: `127.0.0.1:${wire.port}`, database, env }));
  await wire.mend();
  await expect.poll(() => mails.mails.length).toBe(1);
  await wire.cut();
  await feed.publish([completed("o-2")]);
  await wire.mend();
  await expect.poll(() => mails.mails.length).toBe(2);
});

test("a message that cannot be rendered does not hold up others, and is given up in the end", async () => {
  await using stack = new AsyncDisposableStack();
  const feed = stack.use(await startTestFeed());
  const mails = stack.use(await startTestMailServer());
  const database = stack.use(await notifierDatabase());
  await seedTemplates(database.pool);
  await database.pool.query("update templates set text = '{% broken %}' where event_type like '%cancelled%'");
  const env = { SMTP_URL: mails.url, MAIL_ATTEMPTS: "3" };
  const { notifier } = stack.use(await startTestNotifier({ feedAddress: feed.address, database, env }));
  await database.pool.query("delete from templates where version > 1");
  const cancelled = { ...completed("o-broken"), type: "sagacart.order.cancelled.v1" };
  await feed.publish([cancelled, completed("o-fine")]);
  await expect.poll(() => mails.mails.map(({ subject }) => subject)).toEqual(["Your order o-fine is complete"]);
  const broken = async () => {
    const { rows } = await database.pool.query(
      "select state, last_error from messages where order_id = 'o-broken' and channel = 'EMAIL'",
    );
    return rows;
  };
  const why = expect.stringMatching(/^could not be rendered: tag "broken" not found/);
  await expect.poll(broken).toEqual([{ state: "FAILED", last_error: why }]);
  await expect.poll(async () => (await notifier.getProgress({})).pendingMessages).toBe(0n);
});
