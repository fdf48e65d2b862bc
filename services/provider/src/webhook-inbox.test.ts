import { errorInfo } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import { systemClock } from "@sagacart/chassis/time/clock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { matching } from "./json.ts";
import { webhookTables } from "./testing/tables.ts";
import { readWebhook } from "./webhook.ts";
import { createWebhookInbox, type Keyed, type WebhookInbox, type WebhookInboxOptions } from "./webhook-inbox.ts";
import { signWebhook } from "./webhook-signature.ts";

let database: TestDatabase;
let pool: Pool;
beforeEach(async () => {
  database = await testDatabase();
  pool = database.pool;
  await pool.query(`${webhookTables} create table things (key text primary key, answers text[] not null default '{}')`);
  await pool.query("insert into things (key) select 'good' || n from generate_series(1, 250) as n");
});
afterEach(() => database[Symbol.asyncDispose]());

/** An inbox whose answers are appended to their thing; the answer "bad" fails in the database. */
function startInbox(options: Partial<WebhookInboxOptions<string>> = {}): WebhookInbox {
  return createWebhookInbox({
    pool,
    log: silentLog,
    clock: systemClock,
    provider: "shop",
    sender: "the shop",
    secret: "secret",
    read: (body) =>
      readWebhook(body, {
        key: /^[a-z0-9]+$/,
        types: { "thing.done": ({ answer }) => matching(answer, /^[a-z]+$/) },
      }),
    async apply(tx, answers) {
      const done = new Set<Keyed<string>>();
      for (const keyed of answers) {
        const { key, answer } = keyed;
        const { rowCount } = await tx.query(
          "update things set answers = answers || $2::text where key = $1 and 1 / $3::int = 1",
          [key, answer, answer === "bad" ? 0 : 1],
        );
        if (rowCount === 1) {
          done.add(keyed);
        }
      }
      return done;
    },
    onApplied: () => {},
    pollMs: 20,
    ...options,
  });
}

async function send(inbox: WebhookInbox, id: string, key: string, answer = "yes", type = "thing.done") {
  const body = Buffer.from(JSON.stringify({ id, type, data: { key, answer } }));
  await inbox.receive({ provider: "shop", body, signature: signWebhook(body, "secret", new Date()) });
}

async function answersOf(key: string): Promise<string[] | undefined> {
  return (await pool.query("select answers from things where key = $1", [key])).rows[0]?.answers;
}

/** The webhooks that are not applied. */
async function waiting(): Promise<string[]> {
  const { rows } = await pool.query("select id from webhooks where next_try_time is not null order by id");
  return rows.map(({ id }) => id);
}

test("a webhook is applied once, however often it is sent", async () => {
  await using inbox = startInbox();
  await Promise.all(Array.from({ length: 20 }, () => send(inbox, "e", "good1")));
  await expect.poll(() => answersOf("good1")).toEqual(["yes"]);
  await send(inbox, "e", "good1");
  await send(inbox, "later", "good1", "no");

  await expect.poll(() => answersOf("good1")).toEqual(["yes", "no"]);
  expect(await waiting()).toEqual([]);
});

test("a webhook is stored before it is acknowledged, and applied by the next process", async () => {
  const { promise: applying, reject: kill } = Promise.withResolvers<never>();
  await using stopped = startInbox({ apply: () => applying });
  await send(stopped, "e", "good1");
  await expect.poll(async () => (await pool.query("select tries from webhooks")).rows).toEqual([{ tries: 1 }]);

  await using _ = startInbox();

  await expect.poll(() => answersOf("good1")).toEqual(["yes"]);
  kill(new Error("the process is gone"));
});

test("a webhook that cannot be applied stays, and does not hold up those that came with it", async () => {
  await pool.query(`
    insert into webhooks (provider, id, body)
    select 'shop', 'e' || n, convert_to(format('{"id":"e%s","type":"thing.done","data":{"key":"good%s","answer":"%s"}}',
                                               n, n, case when n % 5 = 0 then 'bad' else 'yes' end), 'utf8')
    from generate_series(1, 20) as n`);
  await using _ = startInbox();

  await expect.poll(waiting).toEqual(["e10", "e15", "e20", "e5"]);
  expect(await answersOf("good19")).toEqual(["yes"]);
  expect(await answersOf("good20")).toEqual([]);
});

test("more webhooks that cannot be applied than one round takes do not hold up a good one", async () => {
  await pool.query(`
    insert into webhooks (provider, id, body)
    select 'shop', 'bad' || n, convert_to(format('{"id":"bad%s","type":"thing.done","data":{"key":"good%s","answer":"bad"}}',
                                                 n, n), 'utf8')
    from generate_series(1, 250) as n`);
  await using inbox = startInbox();
  await send(inbox, "good", "good1");

  await expect.poll(() => answersOf("good1")).toEqual(["yes"]);
  expect(await waiting()).toHaveLength(250);
});

test("a webhook whose key is not known yet stays, and is applied when it is", async () => {
  await using inbox = startInbox();
  await send(inbox, "e", "early");
  await expect.poll(async () => (await pool.query("select tries from webhooks")).rows).toEqual([{ tries: 1 }]);
  expect(await waiting()).toEqual(["e"]);

  await pool.query("insert into things (key) values ('early')");

  await expect.poll(() => answersOf("early")).toEqual(["yes"]);
});

test("an event of a type that needs nothing done is finished", async () => {
  await using inbox = startInbox();
  await send(inbox, "e", "nobody", "yes", "thing.seen");
  await expect.poll(waiting).toEqual([]);
});

test("a webhook of another provider, without a signature or of another shape is refused and not stored", async () => {
  await using inbox = startInbox();
  const reasonOf = async (webhook: { provider: string; body: Uint8Array; signature: string }) =>
    errorInfo(await inbox.receive(webhook).catch((error) => error)).reason;
  const body = Buffer.from("{}");
  const signature = signWebhook(body, "secret", new Date());

  expect(await reasonOf({ provider: "other", body, signature })).toBe("PROVIDER_NOT_FOUND");
  expect(await reasonOf({ provider: "shop", body, signature: "" })).toBe("BAD_SIGNATURE");
  expect(await reasonOf({ provider: "shop", body, signature })).toBe("BAD_WEBHOOK");
  expect((await pool.query("select from webhooks")).rowCount).toBe(0);
});
