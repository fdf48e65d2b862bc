import { errorInfo } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createLog } from "@sagacart/chassis/process/log";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import { systemClock } from "@sagacart/chassis/time/clock";
import { Actor_Kind } from "@sagacart/proto/type/v1/actor";
import type { ParkedWebhook } from "@sagacart/proto/type/v1/parked_webhook";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
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
  await pool.query(`${webhookTables} 
    create table things (key text primary key, answers text[] not null default '{}',
                         change_time timestamptz not null default now() - interval '1 day')`);
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
    secrets: ["secret"],
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
    findChanges: async (pool, keys) => {
      const { rows } = await pool.query<{ key: string; change_time: Date }>(
        "select key, change_time from things where key = any($1)",
        [keys],
      );
      return new Map(rows.map(({ key, change_time }) => [key, change_time]));
    },
    onApplied: () => {},
    ...{ pollMs: 20, parkedPollMs: 20 },
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

/** Lets the pauses between tries end at once, until this webhook is parked. */
async function untilParked(inbox: WebhookInbox, id: string): Promise<ParkedWebhook> {
  return await vi.waitUntil(
    async () => {
      await pool.query("update webhooks set next_try_time = now() where next_try_time > now()");
      return (await inbox.parked.list(firstPage)).webhooks.find((webhook) => webhook.id === id);
    },
    { timeout: 60_000, interval: 20 },
  );
}

const firstPage = { pageSize: 0, pageToken: "" };

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

  await expect.poll(() => answersOf("good1"), { timeout: 60_000 }).toEqual(["yes"]);
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

test("while the key is changed, a webhook with either is accepted, and one with a former key is refused", async () => {
  await using inbox = startInbox({ secrets: ["new", "secret"] });
  const receive = (id: string, secret: string) => {
    const body = Buffer.from(JSON.stringify({ id, type: "thing.done", data: { key: "good1", answer: id } }));
    return inbox.receive({ provider: "shop", body, signature: signWebhook(body, secret, new Date()) });
  };

  await receive("before", "secret");
  await receive("after", "new");
  const refused = await receive("former", "older").catch((error) => error);

  expect(errorInfo(refused).reason).toBe("BAD_SIGNATURE");
  await expect.poll(async () => (await answersOf("good1"))?.toSorted()).toEqual(["after", "before"]);
});

test.each([
  ["about a thing that is not known", "nobody", "yes", "what it is about is not known here, or does not accept it yet"],
  ["that the rules refuse", "good1", "bad", "division by zero"],
])(
  "a webhook %s is parked after so many tries, with one error line, and tried no more",
  async (_, key, answer, error) => {
    const lines: object[] = [];
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
    const log = createLog({ service: "test", level: "error", destination });
    await using inbox = startInbox({ maxTries: 3, log });
    await send(inbox, "never", key, answer);
    await send(inbox, "fine", "good2");

    const parked = await untilParked(inbox, "never");

    expect(parked).toMatchObject({ id: "never", type: "thing.done", key, error, tries: 3 });
    expect(parked.actor).toBeUndefined();
    expect(parked.parkTime).toBeDefined();
    expect(lines).toMatchObject([
      {
        ...{ provider: "shop", webhookId: "never", key, tries: 3, error },
        msg: "a webhook could not be applied in many tries and is parked; an operator has to retry or dismiss it",
      },
    ]);
    expect(await waiting()).toEqual([]);
    await expect.poll(() => answersOf("good2")).toEqual(["yes"]);
  },
);

test("a parked webhook whose thing changed shortly before its last try is not tried over and over", async () => {
  await pool.query("update things set change_time = now() where key = 'good1'");
  const lines: object[] = [];
  const log = createLog({
    service: "test",
    level: "error",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  await using inbox = startInbox({ maxTries: 3, log });
  await send(inbox, "never", "good1", "bad");
  await untilParked(inbox, "never");

  // Each has the parked ones looked at.
  for (let n = 2; n <= 21; n++) {
    await send(inbox, `fine-${n}`, `good${n}`);
    await expect.poll(() => answersOf(`good${n}`), { timeout: 60_000 }).toEqual(["yes"]);
  }

  expect((await inbox.parked.list(firstPage)).webhooks).toMatchObject([{ id: "never", tries: 3 }]);
  expect(lines).toHaveLength(1);
});

test("a parked webhook is tried again once a transaction that its last try did not see must have ended", async () => {
  await pool.query("update things set change_time = now() where key = 'good1'");
  let now = new Date();
  await using inbox = startInbox({ maxTries: 3, clock: { ...systemClock, now: () => now } });
  await send(inbox, "later", "good1", "bad");
  await untilParked(inbox, "later");
  await pool.query(`update webhooks set body = convert_to(replace(convert_from(body, 'UTF8'), 'bad', 'yes'), 'UTF8')`);

  now = new Date(now.getTime() + 61_000);

  await expect.poll(() => answersOf("good1"), { timeout: 60_000 }).toEqual(["yes"]);
});

test("a parked webhook is applied when the thing that it is about appears", async () => {
  await using inbox = startInbox({ maxTries: 2 });
  await send(inbox, "early", "late1");
  await untilParked(inbox, "early");

  await pool.query("insert into things (key, change_time) values ('late1', now())");

  await expect.poll(() => answersOf("late1"), { timeout: 60_000 }).toEqual(["yes"]);
  expect((await inbox.parked.list(firstPage)).webhooks).toEqual([]);
});

test("a parked webhook is tried again when an operator says so, and parked again if that fails", async () => {
  await using inbox = startInbox({ maxTries: 2 });
  await send(inbox, "e", "late2");
  await untilParked(inbox, "e");

  const retried = await inbox.parked.retry("e");
  expect(retried).toMatchObject({ id: "e", tries: 2 });
  expect(retried.parkTime).toBeUndefined();
  expect(await untilParked(inbox, "e")).toMatchObject({ tries: 3, actor: { kind: Actor_Kind.SYSTEM } });

  // As if it had been there before the last try, so that only the operator can know.
  await pool.query("insert into things (key) values ('late2')");
  await inbox.parked.retry("e");
  await expect.poll(() => answersOf("late2"), { timeout: 60_000 }).toEqual(["yes"]);
});

test("a dismissed webhook is kept, never applied, and cannot be tried again", async () => {
  await using inbox = startInbox({ maxTries: 1 });
  await send(inbox, "e", "nobody");
  await untilParked(inbox, "e");

  expect(await inbox.parked.dismiss("e", "of the test shop")).toMatchObject({ id: "e", error: "of the test shop" });

  const failure = await inbox.parked.retry("e").catch((error: unknown) => errorInfo(error));
  expect(failure).toMatchObject({ reason: "WEBHOOK_NOT_FOUND", metadata: { webhook_id: "e" } });
  await pool.query("insert into things (key, change_time) values ('nobody', now())");
  await send(inbox, "e", "nobody");
  await send(inbox, "next", "nobody", "no");
  await expect.poll(() => answersOf("nobody")).toEqual(["no"]);
  expect((await pool.query("select id, error from webhooks where id = 'e'")).rows).toEqual([
    { id: "e", error: "of the test shop" },
  ]);
});
