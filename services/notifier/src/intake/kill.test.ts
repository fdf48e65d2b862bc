import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { expect, test } from "vitest";
import {
  notifierDatabase,
  startNotifierProcess,
  startTestFeed,
  startTestMailServer,
  type TestMailServer,
} from "../testing/notifier.ts";

const completed = (subject: string) => ({
  subject,
  sequence: 1,
  type: "sagacart.order.completed.v1",
  data: { customerId: "customer-1", contactEmail: "ada@example.com" },
});

/** Starts a feed that delivers everything twice, a mail server, a database, and the notifier as a process to kill. */
async function scene(stack: AsyncDisposableStack) {
  const feed = stack.use(await startTestFeed({ twice: true }));
  const mails = stack.use(await startTestMailServer());
  const { url, pool } = stack.use(await notifierDatabase());
  const env = { DATABASE_URL: url, ORDER_ADDRESS: feed.address, SMTP_URL: mails.url };
  return {
    ...{ feed, mails, pool },
    async start() {
      return stack.use(await startNotifierProcess(env));
    },
    async messages() {
      const { rows } = await pool.query<{ id: string; order_id: string; channel: string; state: string }>(
        "select id, order_id, channel, state from messages order by order_id, channel",
      );
      return rows;
    },
    /** Makes messages claimed by a killed process due at once, instead of after their lease. */
    async forgetLeases() {
      await pool.query("update messages set try_time = now() where state = 'PENDING'");
    },
  };
}

const told = (orderIds: readonly string[]) =>
  orderIds
    .toSorted()
    .flatMap((order_id) => [
      expect.objectContaining({ order_id, channel: "EMAIL", state: "SENT" }),
      expect.objectContaining({ order_id, channel: "INBOX", state: "SENT" }),
    ]);

function expectStableIds({ mails }: TestMailServer, messages: readonly { id: string; order_id: string }[]): void {
  const byId = new Map(messages.map(({ id, order_id }) => [`<${id}@sagacart>`, order_id]));
  for (const { messageId, subject } of mails) {
    expect(subject).toBe(`Your order ${byId.get(messageId ?? "")} is complete`);
  }
}

async function publish(feed: TestFeed, orderIds: readonly string[]): Promise<void> {
  await feed.publish(orderIds.map((orderId) => completed(orderId)));
}

test("killed between recording a message and sending it: each message exists once and is sent", async () => {
  await using stack = new AsyncDisposableStack();
  const { feed, mails, pool, start, messages, forgetLeases } = await scene(stack);
  // The mail server refuses all recipients for now, so that everything waits between the two steps.
  mails.answer("ada@example.com", 451);
  const first = await start();
  const orderIds = ["o-1", "o-2", "o-3"];
  await publish(feed, orderIds);
  await expect.poll(messages).toHaveLength(6);
  await first.kill();
  expect(mails.mails).toEqual([]);

  mails.answer("ada@example.com", 250);
  // Deliver everything twice again, as if the cursor had been lost, too.
  await pool.query("update cursors set position = 0");
  await forgetLeases();
  await start();
  await expect.poll(messages).toEqual(told(orderIds));
  await expect.poll(() => mails.mails.length).toBe(3);
  expectStableIds(mails, await messages());
});

test("killed between the mail server's answer and recording it: sent again with the same Message-ID", async () => {
  await using stack = new AsyncDisposableStack();
  const { feed, mails, pool, start, messages, forgetLeases } = await scene(stack);
  const holder = await pool.connect();
  stack.defer(() => holder.release(true));
  // Another session locks the row when the server answers, so that recording it has to wait.
  const held = Promise.withResolvers<void>();
  mails.beforeAnswer(async () => {
    await holder.query("begin; select from messages where channel = 'EMAIL' for update");
    held.resolve();
  });
  const first = await start();
  await publish(feed, ["o-1"]);
  await held.promise;
  const waiting = async () => {
    const { rows } = await pool.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like '%SENT%'`,
    );
    return rows.map(({ pid }) => pid);
  };
  await expect.poll(waiting).toHaveLength(1);
  const [pid] = await waiting();
  await first.kill();
  // Postgres would still run a statement whose client has gone, so end that statement.
  await pool.query("select pg_terminate_backend($1)", [pid]);
  await expect.poll(waiting).toEqual([]);
  await holder.query("rollback");
  expect(mails.mails).toHaveLength(1);
  expect(await messages()).toMatchObject([{ channel: "EMAIL", state: "PENDING" }, { channel: "INBOX" }]);

  mails.beforeAnswer(async () => {});
  await forgetLeases();
  await start();
  await expect.poll(messages).toEqual(told(["o-1"]));
  const [message] = await messages();
  expect(mails.mails.map(({ messageId }) => messageId)).toEqual(Array(2).fill(`<${message?.id}@sagacart>`));
});

// Each start of a process takes a second or more.
test("killed again and again while everything is delivered twice: each message exists once and none is missing", async () => {
  await using stack = new AsyncDisposableStack();
  const { feed, mails, pool, start, messages, forgetLeases } = await scene(stack);
  const orderIds = Array.from({ length: 60 }, (_, index) => `o-${index}`);
  for (const part of [0, 30]) {
    const before = mails.mails.length;
    const process = await start();
    await publish(feed, orderIds.slice(part, part + 30));
    await expect.poll(() => mails.mails.length, { interval: 5 }).toBeGreaterThan(before + 5);
    await process.kill();
    await pool.query("update cursors set position = position / 2");
    await forgetLeases();
  }
  await start();
  await expect.poll(messages).toEqual(told(orderIds));
  expectStableIds(mails, await messages());
  const { rows } = await pool.query("select sequence, unread from inboxes");
  expect(rows).toEqual([{ sequence: 60n, unread: 60n }]);
});
