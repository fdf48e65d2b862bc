import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { Message_State } from "@sagacart/proto/notifier/v1/message";
import { afterAll, beforeAll, expect, test } from "vitest";
import { notifierDatabase, startTestFeed, startTestNotifier, type TestNotifier } from "./testing/notifier.ts";

const stack = new AsyncDisposableStack();
let notifier: TestNotifier;
beforeAll(async () => {
  const feed = stack.use(await startTestFeed());
  const database = stack.use(await notifierDatabase());
  const env = { MAILBOX_SMTP_PORT: "0" };
  notifier = stack.use(await startTestNotifier({ feedAddress: feed.address, database, env }));
});
afterAll(() => stack.disposeAsync());

const texts = [
  "",
  ".",
  "\0",
  "a\0b",
  "'; drop table messages; --",
  "\r\nBcc: x@example.com",
  "a@b\0c",
  "%",
  "x".repeat(300),
];

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return await call.then(
    () => "ok" as const,
    (error) => errorInfo(error).code,
  );
}

test.each(texts)("%j anywhere is accepted or refused, never an internal error", async (text) => {
  const { notifier: service, mailbox, templates, preferences, inbox } = notifier;
  const template = { eventType: "sagacart.order.paid.v1", language: "en" };
  const token = (list: string) => Buffer.from(JSON.stringify([list, text])).toString("base64url");
  const calls = [
    service.putContact({ customerId: text, email: "a@example.com", name: "A" }),
    service.putContact({ customerId: "c", email: text, name: "A" }),
    service.putContact({ customerId: "c", email: "a@example.com", name: text }),
    service.getContact({ customerId: text }),
    service.getMessage({ id: text }),
    service.getMessage({ id: "m", customerId: text }),
    service.retryMessage({ id: text }),
    service.listMessages({ customerId: text }),
    service.listMessages({ orderId: text }),
    service.listMessages({ pageToken: text }),
    service.listMessages({ pageToken: token("messages of , , 0, 0") }),
    mailbox.listMailboxMessages({ to: text }),
    mailbox.listMailboxMessages({ pageToken: token("mails to ") }),
    mailbox.getMailboxMessage({ id: text }),
    templates.getTemplate({ eventType: text, language: "en" }),
    templates.getTemplate({ eventType: "x", language: text }),
    templates.previewTemplate({ ...template, subject: text, mjml: "<mjml><mj-body /></mjml>", text: "t" }),
    templates.previewTemplate({ ...template, subject: "s", mjml: text, text: "t" }),
    templates.updateTemplate({ ...template, version: 1, subject: "s", mjml: text, text }),
    templates.listTemplates({ pageToken: text }),
    preferences.getPreferences({ customerId: text }),
    preferences.updatePreferences({ customerId: text, language: text }),
    preferences.updatePreferences({ customerId: "c", changes: [{ eventType: text, channel: 1 }] }),
    preferences.getUnsubscription({ token: text }),
    preferences.unsubscribe({ token: `${text}.${text}` }),
    inbox.listInboxMessages({ customerId: text }),
    inbox.listInboxMessages({ customerId: "c", pageToken: token("inbox of c, false") }),
    inbox.markRead({ customerId: "c", id: text }),
    inbox.deleteInboxMessage({ customerId: text, id: text }),
    inbox.markAllRead({ customerId: text }),
  ];
  for (const code of await Promise.all(calls.map(codeOf))) {
    expect(["ok", Code.InvalidArgument, Code.NotFound]).toContain(code);
  }
});

test.each(["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "Ada <a@example.com>", "a@b@c"])(
  "%j is no address to reach a customer at",
  async (email) => {
    expect(await codeOf(notifier.notifier.putContact({ customerId: "c", email, name: "" }))).toBe(Code.InvalidArgument);
  },
);

test("an unknown state is refused", async () => {
  expect(await codeOf(notifier.notifier.listMessages({ state: 99 as Message_State }))).toBe(Code.InvalidArgument);
});
