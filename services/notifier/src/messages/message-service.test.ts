import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { Message_State } from "@sagacart/proto/notifier/v1/message";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  notifierDatabase,
  startTestFeed,
  startTestMailServer,
  startTestNotifier,
  type TestMailServer,
  type TestNotifier,
} from "../testing/notifier.ts";

const stack = new AsyncDisposableStack();
let feed: TestFeed;
let mails: TestMailServer;
let database: TestDatabase;
let notifier: TestNotifier;

beforeAll(async () => {
  feed = stack.use(await startTestFeed());
  mails = stack.use(await startTestMailServer());
  database = stack.use(await notifierDatabase());
  const env = { SMTP_URL: mails.url, MAIL_ATTEMPTS: "3" };
  notifier = stack.use(await startTestNotifier({ feedAddress: feed.address, database, env }));
});
afterAll(() => stack.disposeAsync());

function event(orderId: string, data: object, { type = "completed", sequence = 1 } = {}) {
  const facts = { orderId, customerId: "customer-1", total: { currencyCode: "EUR", minorUnits: "1250" } };
  return { subject: orderId, sequence, type: `sagacart.order.${type}.v1`, data: { ...facts, ...data } };
}

const messagesOf = async (orderId: string) =>
  (await notifier.notifier.listMessages({ orderId, channel: email })).messages;
const mailsTo = (address: string) => mails.mails.filter(({ recipients }) => recipients.includes(address));

async function failure(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(await call.catch((error) => error));
  return { code, reason, metadata };
}

const email = 1;
const pending = 1;
const sent = 2;
const failed = 3;

test("an event makes a message, which is sent as a mail", async () => {
  await feed.publish([event("o-mail", { contactEmail: "ada@example.com" })]);
  await expect.poll(() => mailsTo("ada@example.com")).toHaveLength(1);
  const [mail] = mailsTo("ada@example.com");
  await expect.poll(() => messagesOf("o-mail")).toMatchObject([{ state: sent }]);
  const [message] = await messagesOf("o-mail");
  expect(message).toMatchObject({
    eventType: "sagacart.order.completed.v1",
    customerId: "customer-1",
    channel: 1,
    recipient: "ada@example.com",
    subject: "Your order o-mail is complete",
    attempts: 1,
    lastError: "",
  });
  expect(mail).toMatchObject({
    messageId: `<${message?.id}@sagacart>`,
    from: { address: "orders@sagacart.example", name: "Sagacart" },
    to: [{ address: "ada@example.com" }],
    subject: "Your order o-mail is complete",
  });
  expect(mail?.text?.trim()).toBe(message?.text);
  expect(mail?.text).toContain("Total: €12.50");
});

test("without an address from the checkout, the customer's contact is used, with the name", async () => {
  await notifier.notifier.putContact({ customerId: "known", email: "known@example.com", name: "Grace Hopper" });
  await feed.publish([event("o-contact", { customerId: "known" })]);
  await expect.poll(() => messagesOf("o-contact")).toMatchObject([{ recipient: "known@example.com" }]);
  const [message] = await messagesOf("o-contact");
  expect(message?.text).toMatch(/^Hello Grace Hopper,/);
});

test("the checkout's address takes precedence over the customer's contact", async () => {
  await notifier.notifier.putContact({ customerId: "two", email: "usual@example.com", name: "Grace" });
  await feed.publish([event("o-two", { customerId: "two", contactEmail: "other@example.com" })]);
  await expect.poll(() => messagesOf("o-two")).toMatchObject([{ recipient: "other@example.com" }]);
});

test("a customer without a known address gets no mail, and the feed is read on", async () => {
  await feed.publish([
    event("o-nobody", { customerId: "nobody" }),
    event("o-after", { contactEmail: "after@example.com" }),
  ]);
  await expect.poll(() => messagesOf("o-after")).toHaveLength(1);
  expect(await messagesOf("o-nobody")).toEqual([]);
});

test("each relevant change makes its own message", async () => {
  const contactEmail = "changes@example.com";
  await feed.publish([
    event("o-changes", { contactEmail }, { type: "created", sequence: 1 }),
    event("o-changes", { contactEmail }, { type: "awaiting_payment", sequence: 2 }),
    event("o-changes", { contactEmail }, { type: "paid", sequence: 3 }),
    event("o-changes", { contactEmail }, { type: "completed", sequence: 4 }),
    event("o-changes", { contactEmail }, { type: "refunded", sequence: 5 }),
  ]);
  await expect.poll(() => mailsTo(contactEmail)).toHaveLength(3);
  const types = (await messagesOf("o-changes")).map(({ eventType }) => eventType.split(".")[2]);
  expect(types).toEqual(["refunded", "completed", "awaiting_payment"]);
});

test("an unreadable event is recorded as skipped, and the feed is read on", async () => {
  await feed.publish([
    { subject: "o-strange", sequence: 1, type: "sagacart.order.completed.v1", data: { customerId: "c\r\nBcc: x" } },
    event("o-sane", { contactEmail: "sane@example.com" }),
  ]);
  await expect.poll(() => messagesOf("o-sane")).toHaveLength(1);
  const { rows } = await database.pool.query("select reason from skipped_events order by position");
  expect(rows.map(({ reason }) => reason)).toEqual(["customerId is not a valid id"]);
});

test.each([
  [`${"a".repeat(65)}@example.com`],
  ["a..b@example.com"],
  ["a@b"],
  ["a@example.com, everybody@example.com"],
  ["a@example.com\r\nBcc: everybody@example.com"],
])("a message that cannot go to %j by mail is in the inbox, and says why it failed", async (contactEmail) => {
  const orderId = `o-unmailable-${contactEmail.length}`;
  await feed.publish([event(orderId, { contactEmail, customerId: "unmailable" })]);
  await expect.poll(async () => (await messagesOf(orderId)).map(({ state }) => state)).toEqual([Message_State.FAILED]);
  expect((await messagesOf(orderId))[0]?.lastError).toBe("no mail can be sent to this address");
  const { messages } = await notifier.inbox.listInboxMessages({ customerId: "unmailable" });
  expect(messages.map((message) => message.orderId)).toContain(orderId);
  expect(mailsTo("everybody@example.com")).toEqual([]);
});

test("a message that cannot go to the address of the checkout goes to the customer's own", async () => {
  await notifier.notifier.putContact({ customerId: "reachable", email: "reachable@example.com" });
  await feed.publish([event("o-reachable", { contactEmail: "a..b@example.com", customerId: "reachable" })]);
  await expect.poll(() => mailsTo("reachable@example.com")).toHaveLength(1);
});

test.each([
  ["rejected", "en"],
  ["rejected", "de"],
  ["expired", "en"],
  ["expired", "de"],
] as const)("the mail that an order is %s names the cart only if there was one, in %s", async (name, language) => {
  const customerId = `basket-${name}-${language}`;
  const contactEmail = `${customerId}@example.com`;
  await notifier.preferences.updatePreferences({ customerId, language });
  await feed.publish([
    event(`${customerId}-with`, { customerId, contactEmail, cartId: "cart-1" }, { type: name }),
    event(`${customerId}-without`, { customerId, contactEmail }, { type: name }),
  ]);
  await expect.poll(() => mailsTo(contactEmail)).toHaveLength(2);
  // A whole word: the shop's name ends in "cart".
  const word = { en: /\bcart\b/, de: /\bWarenkorb\b/ }[language];
  for (const { subject = "", text = "", html } of mailsTo(contactEmail)) {
    const hasCart = subject.includes("-with ");
    expect([word.test(text), word.test(String(html))]).toEqual([hasCart, hasCart]);
  }
});

test("a name with a line end, which an older version stored, adds no header", async () => {
  await notifier.notifier.putContact({ customerId: "evil", email: "evil@example.com", name: "Eve" });
  await database.pool.query("update contacts set name = $1 where customer_id = 'evil'", [
    "Eve\r\nBcc: everybody@example.com",
  ]);
  await feed.publish([event("o-evil", { customerId: "evil" })]);
  await expect.poll(() => mailsTo("evil@example.com")).toHaveLength(1);
  const [mail] = mailsTo("evil@example.com");
  expect(mail?.bcc ?? []).toEqual([]);
  expect(mail?.recipients).toEqual(["evil@example.com"]);
});

test("a permanent refusal is not retried, until an operator retries the message", async () => {
  mails.answer("gone@example.com", 550);
  await feed.publish([event("o-gone", { contactEmail: "gone@example.com" })]);
  await expect.poll(() => messagesOf("o-gone")).toMatchObject([{ state: failed, attempts: 1 }]);
  const [message] = await messagesOf("o-gone");
  expect(message?.lastError).toContain("550");
  mails.answer("gone@example.com", 250);
  const retried = await notifier.notifier.retryMessage({ id: message!.id });
  expect(retried.message?.state).toBe(pending);
  await expect.poll(() => messagesOf("o-gone")).toMatchObject([{ state: sent, attempts: 1, lastError: "" }]);
  expect(mailsTo("gone@example.com")[0]?.messageId).toBe(`<${message?.id}@sagacart>`);
});

test("a temporary refusal is retried, and given up after the last attempt", async () => {
  mails.answer("busy@example.com", 451);
  await feed.publish([event("o-busy", { contactEmail: "busy@example.com" })]);
  await expect.poll(() => messagesOf("o-busy")).toMatchObject([{ state: failed, attempts: 3 }]);
  expect(mailsTo("busy@example.com")).toEqual([]);
});

test("a sent message is not sent again", async () => {
  await feed.publish([event("o-sent", { contactEmail: "sent@example.com" })]);
  await expect.poll(() => messagesOf("o-sent")).toMatchObject([{ state: sent }]);
  const [message] = await messagesOf("o-sent");
  expect(await failure(notifier.notifier.retryMessage({ id: message!.id }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "MESSAGE_SENT",
    metadata: { message_id: message?.id },
  });
  expect(mailsTo("sent@example.com")).toHaveLength(1);
});

test.each([
  ["getMessage", { id: "none" }],
  ["retryMessage", { id: "none" }],
] as const)("%s of a message that is not there fails", async (method, request) => {
  expect(await failure(notifier.notifier[method](request))).toEqual({
    code: Code.NotFound,
    reason: "MESSAGE_NOT_FOUND",
    metadata: { message_id: "none" },
  });
});

test("another customer's message is not found", async () => {
  await feed.publish([event("o-theirs", { contactEmail: "theirs@example.com" })]);
  await expect.poll(() => messagesOf("o-theirs")).toHaveLength(1);
  const [message] = await messagesOf("o-theirs");
  const { id } = message!;
  expect(await notifier.notifier.getMessage({ id, customerId: "customer-1" })).toMatchObject({ message: { id } });
  expect(await failure(notifier.notifier.getMessage({ id, customerId: "customer-2" }))).toMatchObject({
    code: Code.NotFound,
    reason: "MESSAGE_NOT_FOUND",
  });
});

test("a contact is the last one that was put", async () => {
  for (const email of ["first@example.com", "second@example.com"]) {
    await notifier.notifier.putContact({ customerId: "moved", email, name: "Alan" });
  }
  const { contact } = await notifier.notifier.getContact({ customerId: "moved" });
  expect(contact).toMatchObject({ customerId: "moved", email: "second@example.com", name: "Alan" });
});

test("a contact that was never put is not found", async () => {
  expect(await failure(notifier.notifier.getContact({ customerId: "unknown" }))).toEqual({
    code: Code.NotFound,
    reason: "CONTACT_NOT_FOUND",
    metadata: { customer_id: "unknown" },
  });
});

test("a list shows a customer's messages once each, newest first", async () => {
  const orderIds = Array.from({ length: 7 }, (_, index) => `o-list-${index}`);
  await feed.publish(
    orderIds.map((orderId) => event(orderId, { customerId: "lister", contactEmail: "lister@example.com" })),
  );
  const request = { customerId: "lister", state: sent, channel: email } as const;
  // A mail arrives before its message is recorded as sent.
  await expect.poll(async () => (await notifier.notifier.listMessages(request)).messages).toHaveLength(7);
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await notifier.notifier.listMessages({ ...request, pageSize: 3, pageToken });
    seen.push(...page.messages.map(({ orderId }) => orderId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen).toEqual(orderIds.toReversed());
});

test.each([
  ["of another list", Buffer.from('["mails to ","x"]').toString("base64url")],
  ["with a NUL byte", Buffer.from('["messages of , , 0, 0","\\u0000"]').toString("base64url")],
  ["that is malformed", "none"],
])("a page token %s is refused", async (_, pageToken) => {
  expect(await failure(notifier.notifier.listMessages({ pageToken }))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "BAD_PAGE_TOKEN",
  });
});

test("the progress is the position up to which every event has its messages", async () => {
  const orderId = `o-${randomUUID()}`;
  await feed.publish([event(orderId, { contactEmail: "progress@example.com" })]);
  await expect.poll(() => messagesOf(orderId)).toHaveLength(1);
  const { rows } = await feed.pool.query("select position from event_positions where subject = $1", [orderId]);
  expect((await notifier.notifier.getProgress({})).position).toBe(rows[0].position);
  await expect.poll(async () => (await notifier.notifier.getProgress({})).pendingMessages).toBe(0n);
});

test("with a real mail server there is no mailbox", async () => {
  expect(await failure(notifier.mailbox.listMailboxMessages({}))).toMatchObject({ code: Code.Unimplemented });
});

test("the metrics count mails by outcome and show the age of the oldest message", async () => {
  mails.answer("late@example.com", 550);
  await feed.publish([event("o-late", { contactEmail: "late@example.com" }), event("o-odd", { customerId: 7 })]);
  await expect.poll(() => messagesOf("o-late")).toMatchObject([{ state: failed }]);
  // An attempt is counted after it is recorded.
  await expect
    .poll(() => notifier.metrics.metrics())
    .toMatch(/^notifier_mails_total\{[^}]*outcome="given_up"[^}]*\} [1-9]/m);
  const text = await notifier.metrics.metrics();
  expect(text).toMatch(/^notifier_mails_total\{[^}]*outcome="sent"[^}]*\} [1-9]/m);
  expect(text).toMatch(/^notifier_skipped_events_total(\{[^}]*\})? [1-9]/m);
  expect(text).toMatch(/^notifier_mail_oldest_pending_seconds(\{[^}]*\})? \d/m);
});
