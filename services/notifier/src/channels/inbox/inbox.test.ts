import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { afterAll, beforeAll, expect, test } from "vitest";
import { notifierDatabase, startTestFeed, startTestNotifier, type TestNotifier } from "../../testing/notifier.ts";

const stack = new AsyncDisposableStack();
let feed: TestFeed;
let database: TestDatabase;
let notifier: TestNotifier;
/** Starts another notifier on the same database. */
let other: TestNotifier;

beforeAll(async () => {
  feed = stack.use(await startTestFeed());
  database = stack.use(await notifierDatabase());
  const options = { feedAddress: feed.address, database, env: { MAILBOX_SMTP_PORT: "0" } };
  notifier = stack.use(await startTestNotifier(options));
  other = stack.use(await startTestNotifier(options));
});
afterAll(() => stack.disposeAsync());

const publish = (customerId: string, orderIds: readonly string[]) =>
  feed.publish(
    orderIds.map((orderId) => ({
      ...{ subject: orderId, sequence: 1, type: "sagacart.order.completed.v1" },
      data: { customerId, total: { currencyCode: "EUR", minorUnits: "1250" } },
    })),
  );
const list = (customerId: string, more = {}) => notifier.inbox.listInboxMessages({ customerId, ...more });
const unread = async (customerId: string) => (await notifier.inbox.countUnread({ customerId })).unreadCount;

/** Fills an inbox. Returns the ids of its messages, oldest first. */
async function fill(customerId: string, orderIds: readonly string[]): Promise<string[]> {
  await publish(customerId, orderIds);
  await expect.poll(() => unread(customerId)).toBe(BigInt(orderIds.length));
  return (await list(customerId)).messages.map(({ id }) => id).toReversed();
}

async function failure(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(await call.catch((error) => error));
  return { code, reason, metadata };
}

function watch(inbox: TestNotifier["inbox"], customerId: string, afterSequence = 0n) {
  const leaving = new AbortController();
  const changes = inbox.watchInbox({ customerId, afterSequence }, { signal: leaving.signal })[Symbol.asyncIterator]();
  return {
    next: async () => (await changes.next()).value,
    [Symbol.dispose]: () => leaving.abort(),
  };
}

test("events appear in the customer's inbox, also without a known e-mail address", async () => {
  await fill("ann", ["ann-1"]);
  const { messages, unreadCount, sequence } = await list("ann");
  expect({ unreadCount, sequence }).toEqual({ unreadCount: 1n, sequence: 1n });
  expect(messages).toMatchObject([
    {
      eventType: "sagacart.order.completed.v1",
      orderId: "ann-1",
      subject: "Your order ann-1 is complete",
      text: "Hello,\n\nthank you for your order ann-1.\n\nTotal: €12.50\n\nYour Sagacart",
      language: "en",
      sequence: 1n,
    },
  ]);
  expect(messages[0]?.readTime).toBeUndefined();
});

test("a list shows each message once, newest first, or only unread ones", async () => {
  const ids = await fill("pages", ["p-1", "p-2", "p-3", "p-4", "p-5"]);
  await notifier.inbox.markRead({ customerId: "pages", id: ids[2]! });
  for (const [unreadOnly, orderIds] of [
    [false, ["p-5", "p-4", "p-3", "p-2", "p-1"]],
    [true, ["p-5", "p-4", "p-2", "p-1"]],
  ] as const) {
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await list("pages", { unreadOnly, pageSize: 2, pageToken });
      expect(page.unreadCount).toBe(4n);
      seen.push(...page.messages.map(({ orderId }) => orderId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(orderIds);
  }
});

test("marking a message as read twice counts once", async () => {
  const [id = ""] = await fill("reader", ["r-1", "r-2"]);
  const first = await notifier.inbox.markRead({ customerId: "reader", id });
  expect(first).toMatchObject({ unreadCount: 1n, message: { id, sequence: 3n } });
  expect(await notifier.inbox.markRead({ customerId: "reader", id })).toEqual(first);
  expect(await unread("reader")).toBe(1n);
});

test("mark all as read stops at the sequence that the customer has seen", async () => {
  await fill("sweeper", ["s-1", "s-2"]);
  const { sequence } = await list("sweeper");
  await publish("sweeper", ["s-3"]);
  await expect.poll(() => unread("sweeper")).toBe(3n);
  const swept = await notifier.inbox.markAllRead({ customerId: "sweeper", sequence });
  expect(swept).toMatchObject({ markedCount: 2n, unreadCount: 1n });
  expect((await list("sweeper", { unreadOnly: true })).messages).toMatchObject([{ orderId: "s-3" }]);
  expect(await notifier.inbox.markAllRead({ customerId: "sweeper" })).toMatchObject({
    markedCount: 1n,
    unreadCount: 0n,
  });
  expect(await notifier.inbox.markAllRead({ customerId: "nobody" })).toMatchObject({
    markedCount: 0n,
    unreadCount: 0n,
  });
});

test("a deleted message is gone and does not come back", async () => {
  const [id = "", read = ""] = await fill("tidy", ["t-1", "t-2", "t-3"]);
  await notifier.inbox.markRead({ customerId: "tidy", id: read });
  for (const gone of [id, read, id]) {
    await notifier.inbox.deleteInboxMessage({ customerId: "tidy", id: gone });
  }
  expect(await list("tidy")).toMatchObject({ messages: [{ orderId: "t-3" }], unreadCount: 1n });
  expect((await notifier.notifier.listMessages({ customerId: "tidy" })).messages).toHaveLength(1);
  expect(await failure(notifier.inbox.markRead({ customerId: "tidy", id }))).toMatchObject({
    reason: "MESSAGE_NOT_FOUND",
  });
  const { rows } = await database.pool.query("select facts, name from messages where id = $1", [id]);
  expect(rows).toEqual([{ facts: "{}", name: "" }]);
});

test.each(["markRead", "deleteInboxMessage"] as const)(
  "%s of another customer's message finds none",
  async (method) => {
    const [id = ""] = await fill(`owner-${method}`, [`own-${method}`]);
    expect(await failure(notifier.inbox[method]({ customerId: "thief", id }))).toEqual({
      code: Code.NotFound,
      reason: "MESSAGE_NOT_FOUND",
      metadata: { message_id: id },
    });
    expect(await unread(`owner-${method}`)).toBe(1n);
  },
);

test("a watcher gets the counters at once and then each change, from any process", async () => {
  const customerId = "watcher";
  using here = watch(notifier.inbox, customerId);
  using there = watch(other.inbox, customerId);
  for (const watcher of [here, there]) {
    expect(await watcher.next()).toMatchObject({ messages: [], unreadCount: 0n, sequence: 0n });
  }
  await publish(customerId, ["w-1"]);
  for (const watcher of [here, there]) {
    expect(await watcher.next()).toMatchObject({ messages: [{ orderId: "w-1" }], unreadCount: 1n, sequence: 1n });
  }
  const [{ id } = { id: "" }] = (await list(customerId)).messages;
  await other.inbox.markRead({ customerId, id });
  for (const watcher of [here, there]) {
    expect(await watcher.next()).toMatchObject({ messages: [{ id, sequence: 2n }], unreadCount: 0n, sequence: 2n });
  }
  await notifier.inbox.deleteInboxMessage({ customerId, id });
  for (const watcher of [here, there]) {
    expect(await watcher.next()).toMatchObject({ messages: [], deletedIds: [id], unreadCount: 0n, sequence: 3n });
  }
});

test("a watcher that reconnects with its sequence misses nothing", async () => {
  const [id = ""] = await fill("resumer", ["x-1", "x-2"]);
  const { sequence } = await list("resumer");
  await notifier.inbox.markRead({ customerId: "resumer", id });
  using watching = watch(notifier.inbox, "resumer", sequence);
  expect(await watching.next()).toMatchObject({ messages: [{ id }], unreadCount: 1n, sequence: 3n });
});

test("a long inbox is sent in parts", async () => {
  await fill(
    "long",
    Array.from({ length: 230 }, (_, index) => `l-${index}`),
  );
  using watching = watch(notifier.inbox, "long");
  const told = [await watching.next(), await watching.next(), await watching.next()];
  expect(told.map((changes) => changes?.messages.length)).toEqual([100, 100, 30]);
  expect(told.at(-1)).toMatchObject({ unreadCount: 230n, sequence: 230n });
});

test("a sequence beyond the inbox's newest, for example after a restored backup, gets all messages", async () => {
  await fill("restored", ["b-1"]);
  using watching = watch(notifier.inbox, "restored", 99n);
  expect(await watching.next()).toMatchObject({ messages: [{ orderId: "b-1" }], sequence: 1n });
});

test("concurrent arrivals and reads keep the count right and number each change once", async () => {
  const customerId = "busy";
  const ids = await fill(customerId, ["u-0", "u-1", "u-2", "u-3", "u-4", "u-5"]);
  await Promise.all(
    [
      publish(customerId, ["u-6", "u-7"]),
      ...ids.slice(0, 3).map((id) => notifier.inbox.markRead({ customerId, id })),
      ...ids.slice(0, 3).map((id) => other.inbox.markRead({ customerId, id })),
      ...ids.slice(2, 4).map((id) => other.inbox.deleteInboxMessage({ customerId, id })),
      notifier.inbox.markAllRead({ customerId, sequence: 2n }),
    ].map((change) => change.catch(() => {})),
  );
  await expect.poll(async () => (await list(customerId)).messages.length).toBe(6);
  const { messages, unreadCount, sequence } = await list(customerId);
  expect(unreadCount).toBe(BigInt(messages.filter(({ readTime }) => readTime === undefined).length));
  expect(new Set(messages.map((message) => message.sequence)).size).toBe(6);
  expect(messages.every((message) => message.sequence <= sequence)).toBe(true);
});

test("a page token of another customer's inbox is refused", async () => {
  const pageToken = Buffer.from('["inbox of ann, false","x"]').toString("base64url");
  expect(await failure(list("eve", { pageToken }))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "BAD_PAGE_TOKEN",
  });
});
