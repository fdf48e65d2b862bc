import type { TestDatabase } from "@sagacart/chassis/testing/database";
import type { TestFeed } from "@sagacart/outbox/testing/test-feed";
import { afterEach, beforeEach, expect, test } from "vitest";
import { unverifiedReason } from "../../intake/intake.ts";
import {
  notifierDatabase,
  startTestFeed,
  startTestMailServer,
  startTestNotifier,
  type TestMailServer,
} from "../../testing/notifier.ts";

let stack: AsyncDisposableStack;
let feed: TestFeed;
let mails: TestMailServer;
let database: TestDatabase;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  feed = stack.use(await startTestFeed());
  mails = stack.use(await startTestMailServer());
  database = stack.use(await notifierDatabase());
});
afterEach(() => stack.disposeAsync());

const start = async (env: Record<string, string>) =>
  stack.use(await startTestNotifier({ feedAddress: feed.address, database, env: { SMTP_URL: mails.url, ...env } }));

const order = (subject: string, contactEmail: string, type = "cancelled", customerId = `of-${subject}`) => ({
  ...{ subject, sequence: 1, type: `sagacart.order.${type}.v1` },
  data: { customerId, contactEmail },
});

async function states(channel: "EMAIL" | "INBOX") {
  const { rows } = await database.pool.query<{ state: string; count: bigint; why: string }>(
    "select state, last_error as why, count(*) from messages where channel = $1 group by 1, 2 order by 1",
    [channel],
  );
  return rows.map(({ state, why, count }) => [state, why, count]);
}

test("a mailbox gets no more mails an hour than the limit, from all customers and processes, however it is written", async () => {
  const env = { MAILS_PER_RECIPIENT_AND_HOUR: "5" };
  await start(env);
  await start(env);
  const spellings = ["ada@example.com", "ADA@example.com", "ada+1@example.com", "Ada+x+y@EXAMPLE.com"];
  await feed.publish(Array.from({ length: 40 }, (_, index) => order(`o-${index}`, spellings[index % 4] ?? "")));
  const why = "this address got 5 mails within an hour, the most that it may";
  await expect
    .poll(() => states("EMAIL"))
    .toEqual([
      ["SENT", "", 5n],
      ["SUPPRESSED", why, 35n],
    ]);
  expect(mails.mails).toHaveLength(5);
  expect(await states("INBOX")).toEqual([["SENT", "", 40n]]);
  // Others are not affected.
  await feed.publish([order("o-other", "bob@example.com")]);
  await expect.poll(() => mails.mails.flatMap(({ recipients }) => recipients)).toContain("bob@example.com");
});

test("mails that went out more than an hour ago do not count", async () => {
  await start({ MAILS_PER_RECIPIENT_AND_HOUR: "2" });
  await feed.publish([1, 2, 3].map((index) => order(`o-${index}`, "ada@example.com")));
  await expect
    .poll(async () => (await states("EMAIL")).map(([state, , count]) => [state, count]))
    .toEqual([
      ["SENT", 2n],
      ["SUPPRESSED", 1n],
    ]);
  await database.pool.query(
    "update recipient_mails set times = array[times[1] - interval '61 minutes', times[2] - interval '59 minutes']",
  );
  await feed.publish([4, 5].map((index) => order(`o-${index}`, "ada@example.com")));
  await expect
    .poll(async () => (await states("EMAIL")).map(([state, , count]) => [state, count]))
    .toEqual([
      ["SENT", 3n],
      ["SUPPRESSED", 2n],
    ]);
});

test("the retries of a mail count once", async () => {
  mails.answer("ada@example.com", 451);
  await start({ MAILS_PER_RECIPIENT_AND_HOUR: "1" });
  await feed.publish([order("o-1", "ada@example.com")]);
  const attempts = async () =>
    (await database.pool.query<{ attempts: number }>("select attempts from messages where channel = 'EMAIL'")).rows[0]
      ?.attempts ?? 0;
  await expect.poll(attempts).toBeGreaterThan(2);
  mails.answer("ada@example.com", 250);
  await expect.poll(() => states("EMAIL")).toEqual([["SENT", "", 1n]]);
});

test("operators hear of everything", async () => {
  await start({ MAILS_PER_RECIPIENT_AND_HOUR: "1", OPERATOR_EMAILS: "ops@example.com" });
  await feed.publish([1, 2, 3].map((index) => order(`o-${index}`, "", "dispute_lost")));
  await expect
    .poll(() => mails.mails.flatMap(({ recipients }) => recipients))
    .toEqual(Array(3).fill("ops@example.com"));
});

test("where addresses must be verified, others get only what cannot be turned off", async () => {
  await start({ MAIL_UNVERIFIED_ADDRESSES: "false" });
  await database.pool.query(
    "insert into contacts (customer_id, registered_email, registered_verified) values ('known', 'known@example.com', true)",
  );
  const kinds = ["completed", "cancelled", "refunded", "rejected", "expired", "awaiting_payment"];
  await feed.publish([
    ...kinds.map((kind) => order(`s-${kind}`, "stranger@example.com", kind, "unknown")),
    ...kinds.map((kind) => order(`k-${kind}`, "Known@example.com", kind, "known")),
  ]);
  const found = async () => {
    const { rows } = await database.pool.query<{ order_id: string; why: string }>(
      "select order_id, last_error as why from messages where channel = 'EMAIL' and state <> 'PENDING' order by id",
    );
    return new Map(rows.map(({ order_id, why }) => [order_id, why]));
  };
  const must = new Set(["completed", "cancelled", "refunded"]);
  await expect
    .poll(found)
    .toEqual(
      new Map([
        ...kinds.map((kind) => [`s-${kind}`, must.has(kind) ? "" : unverifiedReason] as const),
        ...kinds.map((kind) => [`k-${kind}`, ""] as const),
      ]),
    );
});
