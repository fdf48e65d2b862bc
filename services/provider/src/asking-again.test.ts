import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { silentLog } from "@sagacart/chassis/testing/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AskTable, claimAsks, type Delay, delayAsks } from "./ask-store.ts";
import { startAskingAgain } from "./asking-again.ts";
import { createProviderQueue, type NoAnswer } from "./provider-queue.ts";

const table: AskTable = {
  name: "things",
  key: "id",
  keyType: "text",
  askTime: "ask_time",
  setAwaited: "awaited = true",
};
const times = { retryMs: 1_000, recheckMs: 30_000 };

let database: TestDatabase;
let pool: Pool;
beforeEach(async () => {
  database = await testDatabase();
  pool = database.pool;
  await pool.query(`create table things (id text primary key, state text not null default 'PENDING',
    asks int not null default 0, ask_time timestamptz default now(), awaited boolean not null default false)`);
});
afterEach(() => database[Symbol.asyncDispose]());

async function add(...ids: string[]) {
  await pool.query("insert into things (id) select unnest($1::text[])", [ids]);
}

async function delay(why: Delay["why"], { id = "a", state = "PENDING", answering = false } = {}) {
  await withTransaction(pool, (tx) => delayAsks(tx, table, [{ key: id, state, why }], { ...times, answering }));
}

/** How many seconds from now a row is asked about. */
async function pause(id = "a"): Promise<number | undefined> {
  const { rows } = await pool.query(
    "select extract(epoch from ask_time - now())::float8 as pause from things where id = $1",
    [id],
  );
  return rows[0]?.pause;
}

test("a row that is due is claimed once, by one of many, until its lease is over", async () => {
  await add("a", "b", "c");
  const claims = await Promise.all(
    Array.from({ length: 8 }, () => claimAsks(pool, table, { limit: 2, leaseMs: 5_000 })),
  );
  expect(claims.flat().sort()).toEqual(["a", "b", "c"]);
  expect(await claimAsks(pool, table, { limit: 2, leaseMs: 5_000 })).toEqual([]);

  await pool.query("update things set ask_time = now() - interval '1 s' where id = 'b'");
  expect(await claimAsks(pool, table, { limit: 2, leaseMs: 5_000 })).toEqual(["b"]);
});

test("the pause after a failure doubles with each claim, up to a minute; callers do not lengthen it", async () => {
  await add("a");
  const pauses: number[] = [];
  for (let asks = 0; asks < 8; asks++) {
    await delay("failed", { answering: true });
    await delay("failed", { answering: true });
    pauses.push(Math.round((await pause()) ?? 0));
    await pool.query("update things set ask_time = now()");
    await claimAsks(pool, table, { limit: 1, leaseMs: 5_000 });
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
});

test("an announced webhook is waited for, an unasked job is due at once, and a call under way keeps its time", async () => {
  await add("a");
  await delay("pending");
  expect(await pause()).toBeCloseTo(30, 0);
  await delay("under_way");
  expect(await pause()).toBeCloseTo(30, 0);
  await delay("unasked");
  expect(await pause()).toBeCloseTo(0, 0);
});

test("only rows that are still in their state and to be asked about are delayed; a waiting caller is noted", async () => {
  await pool.query(
    "insert into things (id, state, ask_time) values ('done', 'DONE', null), ('voided', 'VOIDED', now())",
  );
  await add("a", "b");
  await delay("pending", { id: "a", answering: true });
  await delay("pending", { id: "b" });
  await delay("pending", { id: "done", state: "DONE", answering: true });
  await delay("pending", { id: "voided", answering: true });

  const { rows } = await pool.query("select id, awaited, ask_time > now() as delayed from things order by id");
  expect(rows).toEqual([
    { id: "a", awaited: true, delayed: true },
    { id: "b", awaited: false, delayed: true },
    { id: "done", awaited: false, delayed: null },
    { id: "voided", awaited: false, delayed: false },
  ]);
});

test("a job is asked for again until the provider has answered, also when the process that asked is gone", async () => {
  await add("a", "b");
  await pool.query("update things set ask_time = now() + interval '1 day' where id = 'b'");
  const asked: string[] = [];
  type Result = { id: string; answer: NoAnswer["kind"] | "done" };
  await using queue = createProviderQueue<string, Result>({
    provider: "provider",
    keyOf: (id) => id,
    async call(id) {
      asked.push(id);
      if (asked.length < 3) {
        throw new Error("no answer");
      }
      return { id, answer: "done" };
    },
    withoutAnswer: (id, why) => ({ id, answer: why }),
    concurrency: 2,
    timeoutMs: 1_000,
    log: silentLog,
    logFields: (id) => ({ id }),
    writeLate: async () => {},
  });
  const write = (results: readonly Result[]) =>
    withTransaction(pool, async (tx) => {
      for (const { id, answer } of results) {
        if (answer === "done") {
          await tx.query("update things set state = 'DONE', ask_time = null where id = $1", [id]);
        } else {
          await delayAsks(tx, table, [{ key: id, state: "PENDING", why: answer }], {
            retryMs: 10,
            recheckMs: 10,
            answering: false,
          });
        }
      }
    });
  await using _ = startAskingAgain<string, Result>({
    name: "test",
    log: silentLog,
    queue,
    claim: (options) => claimAsks(pool, table, options),
    write,
    retryMs: 10,
    timeoutMs: 1_000,
  });

  await expect
    .poll(async () => (await pool.query("select id, state from things order by id")).rows)
    .toEqual([
      { id: "a", state: "DONE" },
      { id: "b", state: "PENDING" },
    ]);
  expect(asked).toEqual(["a", "a", "a"]);
});
