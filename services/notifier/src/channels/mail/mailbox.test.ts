import { networkInterfaces } from "node:os";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { createTransport } from "nodemailer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { notifierDatabase, startTestFeed, startTestNotifier, type TestNotifier } from "../../testing/notifier.ts";
import { startMailbox } from "./mailbox.ts";

const stack = new AsyncDisposableStack();
let feed: TestFeed;
let database: TestDatabase;
let notifier: TestNotifier;

beforeAll(async () => {
  feed = stack.use(await startTestFeed());
  database = stack.use(await notifierDatabase());
  notifier = stack.use(
    await startTestNotifier({ feedAddress: feed.address, database, env: { MAILBOX_SMTP_PORT: "0" } }),
  );
});
afterAll(() => stack.disposeAsync());

test("mails to customers can be read in the mailbox", async () => {
  const data = { customerId: "customer-1", contactEmail: "Ada@Example.com" };
  await feed.publish([{ subject: "o-1", sequence: 1, type: "sagacart.order.cancelled.v1", data }]);
  const list = async () => (await notifier.mailbox.listMailboxMessages({ to: "ada@example.com" })).messages;
  await expect.poll(list).toHaveLength(1);
  const [mail] = await list();
  const { messages } = await notifier.notifier.listMessages({ orderId: "o-1", channel: 1 });
  expect(mail).toMatchObject({
    messageId: `<${messages[0]?.id}@sagacart>`,
    from: "orders@sagacart.example",
    to: ["ada@example.com"],
    subject: "Your order o-1 is cancelled",
    text: expect.stringContaining("your order o-1 is cancelled."),
  });
  expect((await notifier.mailbox.getMailboxMessage({ id: mail!.id })).message).toEqual(mail);
});

test("a mailbox accepts any mail, and drops what the database cannot store", async () => {
  await using mailbox = await startMailbox({ pool: database.pool, port: 0, log: silentLog });
  const transport = createTransport(`smtp://127.0.0.1:${mailbox.port}`);
  await transport.sendMail({
    envelope: { from: "", to: ["one@example.com", "two@example.com"] },
    raw: "Subject: =?utf-8?Q?N=00ul?=\r\n\r\nNothing\0 to see",
  });
  const { messages } = await notifier.mailbox.listMailboxMessages({ to: "two@example.com" });
  expect(messages).toMatchObject([{ from: "", to: ["one@example.com", "two@example.com"] }]);
  expect(messages[0]?.subject).not.toContain("\0");
  expect(messages[0]?.text).not.toContain("\0");
});

test("a mail that cannot be stored is not acknowledged", async () => {
  const gone = await notifierDatabase();
  await using mailbox = await startMailbox({ pool: gone.pool, port: 0, log: silentLog });
  await gone[Symbol.asyncDispose]();
  const transport = createTransport(`smtp://127.0.0.1:${mailbox.port}`);
  const mail = { from: "a@example.com", to: "b@example.com", text: "Hello" };
  await expect(transport.sendMail(mail)).rejects.toMatchObject({ responseCode: 451 });
});

test("a mailbox accepts mail from other machines only if configured to", async () => {
  const address = Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  const send = (port: number) =>
    createTransport({ host: address ?? "127.0.0.1", port }).sendMail({ from: "a@a.example", to: "far@a.example" });
  await using open = await startMailbox({ pool: database.pool, host: "0.0.0.0", port: 0, log: silentLog });
  await send(open.port);
  expect((await notifier.mailbox.listMailboxMessages({ to: "far@a.example" })).messages).toHaveLength(1);
  if (address !== undefined) {
    await using usual = await startMailbox({ pool: database.pool, port: 0, log: silentLog });
    await expect(send(usual.port)).rejects.toThrow("ECONNREFUSED");
  }
});

test("a list shows each mail once, newest first", async () => {
  await using mailbox = await startMailbox({ pool: database.pool, port: 0, log: silentLog });
  const transport = createTransport(`smtp://127.0.0.1:${mailbox.port}`);
  for (const subject of ["1", "2", "3", "4", "5"]) {
    await transport.sendMail({ from: "a@example.com", to: "list@example.com", subject, text: "" });
  }
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await notifier.mailbox.listMailboxMessages({ to: "list@example.com", pageSize: 2, pageToken });
    seen.push(...page.messages.map(({ subject }) => subject));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen).toEqual(["5", "4", "3", "2", "1"]);
});

test.each([
  [
    "a mail that is not there",
    () => notifier.mailbox.getMailboxMessage({ id: "none" }),
    Code.NotFound,
    "MAIL_NOT_FOUND",
  ],
  [
    "a page token that is none",
    () => notifier.mailbox.listMailboxMessages({ pageToken: "x" }),
    Code.InvalidArgument,
    "BAD_PAGE_TOKEN",
  ],
])("%s is refused", async (_, call, code, reason) => {
  expect(errorInfo(await call().catch((error) => error))).toMatchObject({ code, reason });
});
