import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { Message_Channel } from "@sagacart/proto/notifier/v1/message";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  notifierDatabase,
  startTestFeed,
  startTestMailServer,
  startTestNotifier,
  type TestMailServer,
  type TestNotifier,
  testSecret,
} from "../testing/notifier.ts";
import { readUnsubscription, signUnsubscription } from "./unsubscribe-token.ts";

const stack = new AsyncDisposableStack();
let feed: TestFeed;
let mails: TestMailServer;
let notifier: TestNotifier;
let database: Awaited<ReturnType<typeof notifierDatabase>>;

beforeAll(async () => {
  feed = stack.use(await startTestFeed());
  mails = stack.use(await startTestMailServer());
  database = stack.use(await notifierDatabase());
  const env = { SMTP_URL: mails.url, MAIL_ATTEMPTS: "100", PUBLIC_URL: "https://shop.example/" };
  notifier = stack.use(await startTestNotifier({ feedAddress: feed.address, database, env }));
});
afterAll(() => stack.disposeAsync());

const { EMAIL: email, INBOX: inbox } = Message_Channel;
const [pending, sent, suppressed] = [1, 2, 4];
const typeOf = (name: string) => `sagacart.order.${name}.v1`;
const event = (customerId: string, name: string, orderId = `${customerId}-${name}`) => ({
  ...{ subject: orderId, sequence: 1, type: typeOf(name) },
  data: { customerId, contactEmail: `${customerId}@example.com`, total: { currencyCode: "EUR", minorUnits: "1250" } },
});
const messagesOf = async (orderId: string, channel: Message_Channel = email) =>
  (await notifier.notifier.listMessages({ orderId, channel })).messages;
const mailsTo = (customerId: string) =>
  mails.mails.filter(({ recipients }) => recipients.includes(`${customerId}@example.com`));
const headerOf = (mail: TestMailServer["mails"][number] | undefined, name: string) =>
  mail?.headers.find(({ key }) => key === name)?.value;

async function failure(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(await call.catch((error) => error));
  return { code, reason, metadata };
}

test("every kind is on by default, and mandatory ones say why", async () => {
  const { preferences } = await notifier.preferences.getPreferences({ customerId: "new" });
  expect(preferences).toMatchObject({ customerId: "new", language: "en" });
  expect(preferences?.preferences.every(({ enabled }) => enabled)).toBe(true);
  const mandatory = preferences?.preferences.filter(({ mandatoryBecause }) => mandatoryBecause !== "");
  expect(mandatory?.map(({ eventType, channel }) => [eventType, channel])).toEqual([
    [typeOf("completed"), email],
    [typeOf("cancelled"), email],
    [typeOf("refunded"), email],
  ]);
});

test("a kind turned off for one channel is still sent over the other, and comes back when turned on again", async () => {
  const change = (enabled: boolean) => [{ eventType: typeOf("rejected"), channel: email, enabled }];
  const { preferences } = await notifier.preferences.updatePreferences({ customerId: "quiet", changes: change(false) });
  const off = preferences?.preferences.filter(({ enabled }) => !enabled);
  expect(off).toMatchObject([{ eventType: typeOf("rejected"), channel: email }]);
  await feed.publish([event("quiet", "rejected", "o-quiet"), event("quiet", "expired", "o-loud")]);
  await expect.poll(() => messagesOf("o-loud")).toMatchObject([{ state: sent }]);
  expect(await messagesOf("o-quiet")).toMatchObject([
    { state: suppressed, lastError: "the customer turned these messages off" },
  ]);
  expect(await messagesOf("o-quiet", inbox)).toMatchObject([{ state: sent }]);
  await notifier.preferences.updatePreferences({ customerId: "quiet", changes: change(true) });
  await feed.publish([event("quiet", "rejected", "o-again")]);
  await expect.poll(() => messagesOf("o-again")).toMatchObject([{ state: sent }]);
  expect(mailsTo("quiet").map(({ subject }) => subject)).toEqual([
    "Your order o-loud has expired",
    "Your order o-again could not be placed",
  ]);
});

test("a kind turned off for the inbox does not appear in it", async () => {
  const changes = [{ eventType: typeOf("refunded"), channel: inbox, enabled: false }];
  await notifier.preferences.updatePreferences({ customerId: "no-inbox", changes });
  await feed.publish([event("no-inbox", "refunded")]);
  await expect.poll(() => messagesOf("no-inbox-refunded", inbox)).toMatchObject([{ state: suppressed }]);
  expect(await notifier.inbox.listInboxMessages({ customerId: "no-inbox" })).toMatchObject({
    messages: [],
    unreadCount: 0n,
  });
  // The mail is mandatory, because it is a receipt.
  await expect.poll(() => mailsTo("no-inbox")).toHaveLength(1);
});

test("a waiting message that is turned off is not sent and cannot be retried", async () => {
  mails.answer("waiting@example.com", 451);
  await feed.publish([event("waiting", "expired")]);
  await expect.poll(() => messagesOf("waiting-expired")).toMatchObject([{ state: pending }]);
  const changes = [{ eventType: typeOf("expired"), channel: email, enabled: false }];
  await notifier.preferences.updatePreferences({ customerId: "waiting", changes });
  await expect.poll(() => messagesOf("waiting-expired")).toMatchObject([{ state: suppressed }]);
  const [message] = await messagesOf("waiting-expired");
  expect(await failure(notifier.notifier.retryMessage({ id: message!.id }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "MESSAGE_SUPPRESSED",
  });
});

test("a language counts as chosen once it is set, the default one too, and also if an earlier version has set it", async () => {
  const chosen = async (customerId: string) => {
    const { preferences } = await notifier.preferences.getPreferences({ customerId });
    return [preferences?.language, preferences?.languageChosen];
  };
  expect(await chosen("lena")).toEqual(["en", false]);
  await notifier.preferences.updatePreferences({
    customerId: "lena",
    changes: [{ eventType: typeOf("rejected"), channel: inbox, enabled: false }],
  });
  expect(await chosen("lena")).toEqual(["en", false]);
  await notifier.preferences.updatePreferences({ customerId: "lena", language: "en" });
  expect(await chosen("lena")).toEqual(["en", true]);
  await database.pool.query("insert into contacts (customer_id, language) values ('mia', 'de')");
  expect(await chosen("mia")).toEqual(["de", true]);
});

test("a changed language applies to later messages", async () => {
  await notifier.preferences.updatePreferences({ customerId: "karl", language: "de" });
  await notifier.notifier.putContact({ customerId: "karl", email: "karl@example.com", name: "Karl" });
  await feed.publish([event("karl", "refunded")]);
  await expect.poll(() => mailsTo("karl")).toHaveLength(1);
  expect(mailsTo("karl")[0]?.text).toContain("Guten Tag Karl,\n\nwir haben Ihnen 12,50 € zu Ihrer Bestellung");
  expect((await notifier.preferences.getPreferences({ customerId: "karl" })).preferences?.language).toBe("de");
});

test("a refused change changes nothing, valid parts of the request included", async () => {
  const fine = { eventType: typeOf("paid"), channel: email, enabled: false };
  const refused = (change: { eventType: string; channel: Message_Channel }) =>
    failure(
      notifier.preferences.updatePreferences({
        customerId: "strict",
        language: "de",
        changes: [fine, { ...change, enabled: false }],
      }),
    );
  expect(await refused({ eventType: typeOf("refunded"), channel: email })).toEqual({
    code: Code.FailedPrecondition,
    reason: "PREFERENCE_MANDATORY",
    metadata: { event_type: typeOf("refunded"), channel: "EMAIL" },
  });
  const unknown = { code: Code.InvalidArgument, reason: "PREFERENCE_UNKNOWN" };
  expect(await refused({ eventType: "x", channel: email })).toMatchObject(unknown);
  expect(await refused({ eventType: typeOf("paid"), channel: inbox })).toMatchObject(unknown);
  const { preferences } = await notifier.preferences.getPreferences({ customerId: "strict" });
  expect(preferences).toMatchObject({ language: "en" });
  expect(preferences?.preferences.every(({ enabled }) => enabled)).toBe(true);
});

test("a mail that can be turned off has a link and the one-click headers", async () => {
  await feed.publish([event("click", "expired")]);
  await expect.poll(() => mailsTo("click")).toHaveLength(1);
  const [mail] = mailsTo("click");
  const [, url, token = ""] =
    /^<(https:\/\/shop\.example\/unsubscribe\?token=([^>]+))>$/.exec(headerOf(mail, "list-unsubscribe") ?? "") ?? [];
  expect(headerOf(mail, "list-unsubscribe-post")).toBe("List-Unsubscribe=One-Click");
  expect(mail?.text?.replaceAll("\n", "")).toContain(url);
  expect(mail?.html).toContain(`href="${url}"`);

  const link = { eventType: typeOf("expired"), language: "en" };
  expect(await notifier.preferences.getUnsubscription({ token })).toMatchObject({ ...link, unsubscribed: false });
  for (const _ of ["once", "and again"]) {
    expect(await notifier.preferences.unsubscribe({ token })).toMatchObject(link);
  }
  expect(await notifier.preferences.getUnsubscription({ token })).toMatchObject({ ...link, unsubscribed: true });
  await feed.publish([event("click", "expired", "o-more")]);
  await expect.poll(() => messagesOf("o-more")).toMatchObject([{ state: suppressed }]);
});

test("a mandatory mail has no such link", async () => {
  await feed.publish([event("receipt", "refunded")]);
  await expect.poll(() => mailsTo("receipt")).toHaveLength(1);
  const [mail] = mailsTo("receipt");
  expect(headerOf(mail, "list-unsubscribe")).toBeUndefined();
  expect(`${mail?.text}${mail?.html}`).not.toContain("unsubscribe");
});

const link = { customerId: "c", eventType: typeOf("expired"), language: "en" } as const;
const token = signUnsubscription(link, [testSecret]);

test.each([
  ["invented", "abc.def"],
  ["without a token", "."],
  ["signed with another secret", signUnsubscription(link, ["another secret of thirty-two letters"])],
  ["truncated", token.slice(0, -1)],
  ["extended", `${token}.x`],
  [
    "for another customer",
    `${signUnsubscription({ ...link, customerId: "d" }, ["x"]).split(".")[0]}.${token.split(".")[1]}`,
  ],
])("a link that is %s is refused and turns nothing off", async (_, wrong) => {
  const refused = { code: Code.InvalidArgument, reason: "UNSUBSCRIBE_LINK_INVALID", metadata: {} };
  expect(await failure(notifier.preferences.getUnsubscription({ token: wrong }))).toEqual(refused);
  expect(await failure(notifier.preferences.unsubscribe({ token: wrong }))).toEqual(refused);
});

test("links remain valid while the secret is being changed", () => {
  expect(readUnsubscription(token, ["the next secret", testSecret])).toEqual(link);
  expect(readUnsubscription(token, ["the next secret"])).toBeUndefined();
});
