import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import type { TestDatabase } from "@sagacart/chassis/testing/database";
import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  notifierDatabase,
  startTestFeed,
  startTestMailServer,
  startTestNotifier,
  type TestMailServer,
  type TestNotifier,
} from "../testing/notifier.ts";
import { seedTemplates } from "./template-store.ts";

const stack = new AsyncDisposableStack();
let feed: TestFeed;
let mails: TestMailServer;
let database: TestDatabase;
let notifier: TestNotifier;

beforeAll(async () => {
  feed = stack.use(await startTestFeed());
  mails = stack.use(await startTestMailServer());
  database = stack.use(await notifierDatabase());
  const options = { feedAddress: feed.address, database, env: { SMTP_URL: mails.url, MAIL_ATTEMPTS: "50" } };
  notifier = stack.use(await startTestNotifier(options));
});
afterAll(() => stack.disposeAsync());

async function failure(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(await call.catch((error) => error));
  return { code, reason, metadata };
}

const mjml = (text: string) =>
  `<mjml><mj-body><mj-section><mj-column><mj-text>${text}</mj-text></mj-column></mj-section></mj-body></mjml>`;
const event = (type: string) => ({ eventType: `sagacart.order.${type}.v1`, language: "en" });

test("all built-in templates are listed once in each language", async () => {
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await notifier.templates.listTemplates({ pageSize: 3, pageToken });
    expect(page.templates.every(({ version, builtIn }) => version === 1 && builtIn)).toBe(true);
    seen.push(...page.templates.map(({ eventType, language }) => `${eventType} ${language}`));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen).toHaveLength(24);
  expect(seen).toEqual([...new Set(seen)].toSorted());
});

test("an operator's version applies to later messages; earlier ones keep theirs", async () => {
  const address = "versions@example.com";
  const orderEvent = (orderId: string) => ({
    ...{ subject: orderId, sequence: 1, type: "sagacart.order.expired.v1" },
    data: { customerId: "c", contactEmail: address },
  });
  mails.answer(address, 451);
  await feed.publish([orderEvent("o-before")]);
  const states = async () => (await notifier.notifier.listMessages({ orderId: "o-before", channel: 1 })).messages;
  await expect.poll(states).toMatchObject([{ templateVersion: 1, state: 1 }]);

  const content = {
    subject: "Too late: {{ order_id }}",
    mjml: mjml("<b>{{ order_id }}</b>"),
    text: "{{ order_id }} is gone",
  };
  const { template } = await notifier.templates.updateTemplate({ ...event("expired"), version: 1, ...content });
  expect(template).toMatchObject({ ...content, version: 2, builtIn: false });
  expect((await notifier.templates.getTemplate(event("expired"))).template).toEqual(template);
  expect((await notifier.templates.getTemplate({ ...event("expired"), version: 1 })).template?.builtIn).toBe(true);

  mails.answer(address, 250);
  await feed.publish([orderEvent("o-after")]);
  const subjects = () =>
    mails.mails.filter(({ recipients }) => recipients.includes(address)).map(({ subject }) => subject);
  await expect.poll(() => subjects().toSorted()).toEqual(["Too late: o-after", "Your order o-before has expired"]);
  const after = mails.mails.find(({ subject }) => subject === "Too late: o-after");
  expect(after?.html).toContain("<b>o-after</b>");
  expect(after?.text?.trim()).toBe("o-after is gone");
});

test("a repeated update gets the same answer; an update of an old version is refused", async () => {
  const update = { ...event("paid"), version: 1, subject: "Thanks", mjml: mjml("Thanks"), text: "Thanks" };
  const first = await notifier.templates.updateTemplate(update);
  expect(await notifier.templates.updateTemplate(update)).toEqual(first);
  expect(await failure(notifier.templates.updateTemplate({ ...update, subject: "Others" }))).toEqual({
    code: Code.Aborted,
    reason: "TEMPLATE_CHANGED",
    metadata: { version: "2" },
  });
  expect(await failure(notifier.templates.updateTemplate({ ...update, version: 9 }))).toMatchObject({
    reason: "TEMPLATE_CHANGED",
  });
});

test("of two operators who edit the same version, one is refused", async () => {
  const update = { ...event("cancelled"), version: 1, mjml: mjml("x"), text: "x" };
  const results = await Promise.allSettled(
    ["a", "b", "c", "d"].map((subject) => notifier.templates.updateTemplate({ ...update, subject })),
  );
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("an invalid template is refused at once with the part and the reason", async () => {
  const update = { ...event("rejected"), version: 1, subject: "s", mjml: mjml("{{ price }}"), text: "t" };
  const refused = { code: Code.InvalidArgument, reason: "TEMPLATE_INVALID", metadata: { field: "mjml" } };
  expect(await failure(notifier.templates.updateTemplate(update))).toEqual(refused);
  expect(await failure(notifier.templates.previewTemplate(update))).toEqual(refused);
  expect((await notifier.templates.getTemplate(event("rejected"))).template?.version).toBe(1);
});

test("a preview shows a draft with sample data, and without one the newest version", async () => {
  const draft = {
    subject: "For {{ customer_name }}",
    mjml: mjml("{% for line in lines %}{{ line.title }}{% endfor %}"),
    text: "Sum: {{ total }}",
  };
  const shown = await notifier.templates.previewTemplate({ ...event("completed"), ...draft });
  expect(shown).toMatchObject({ subject: "For Ada", text: "Sum: €1,619.97" });
  expect(shown.html).toContain("Keyboard &lt;compact&gt;");
  const newest = await notifier.templates.previewTemplate({ eventType: "sagacart.order.completed.v1", language: "de" });
  expect(newest.subject).toBe("Ihre Bestellung 1042 ist abgeschlossen");
});

test.each([
  ["getTemplate", { eventType: "sagacart.order.shipping.v1", language: "en" }],
  ["getTemplate", { ...event("completed"), version: 7 }],
  ["previewTemplate", { eventType: "x", language: "en" }],
  ["updateTemplate", { eventType: "x", language: "en", version: 1, subject: "s", mjml: "m", text: "t" }],
] as const)("%s of one that there is not fails: %j", async (method, request) => {
  expect(await failure(notifier.templates[method](request))).toMatchObject({
    code: Code.NotFound,
    reason: "TEMPLATE_NOT_FOUND",
  });
});

test("an invalid page token is refused", async () => {
  for (const pageToken of ["x", Buffer.from('["templates","\\u0000","en"]').toString("base64url")]) {
    expect(await failure(notifier.templates.listTemplates({ pageToken }))).toMatchObject({ reason: "BAD_PAGE_TOKEN" });
  }
});

test("a release stores its new texts once each and keeps an operator's version", async () => {
  await using fresh = await notifierDatabase();
  const count = async () => (await fresh.pool.query("select count(*) from templates")).rows[0].count;
  await Promise.all([seedTemplates(fresh.pool), seedTemplates(fresh.pool)]);
  expect(await count()).toBe(24n);
  // As if the release before had had other texts, one of which an operator changed.
  await fresh.pool.query("update templates set text = text || ' of before'");
  await fresh.pool.query(`insert into templates select event_type, language, 2, 'own', mjml, text, false
                          from templates where event_type = 'sagacart.order.paid.v1' and language = 'en'`);
  await seedTemplates(fresh.pool);
  expect(await count()).toBe(24n + 1n + 23n);
  // The release before starts once more.
  await seedTemplates(fresh.pool);
  expect(await count()).toBe(24n + 1n + 23n);
});
