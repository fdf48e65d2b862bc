import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { toConnectError } from "../errors.ts";
import { createMetrics } from "../process/metrics.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { proxyUrl } from "../testing/proxy.ts";
import { createPool, type Pool, withTransaction } from "./pool.ts";

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await testDatabase();
  pool = database.pool;
  await pool.query("create table accounts (id text primary key, balance bigint not null)");
});

afterAll(() => database[Symbol.asyncDispose]());

beforeEach(async () => {
  await pool.query("truncate accounts");
  await pool.query("insert into accounts values ('a', 10), ('b', 10)");
});

test("values are read as types that can hold them", async () => {
  const { rows } = await pool.query(`
    select 9007199254740993::bigint as int8, array[1, null]::bigint[] as int8s, 1.10::numeric as numeric,
           '2026-03-01 12:00:00.123+00'::timestamptz as time, '2026-03-01'::date as date, 7::int4 as int4,
           '{"a": 1}'::jsonb as json, '\\x01ff'::bytea as bytes`);

  expect(rows).toEqual([
    {
      int8: 9_007_199_254_740_993n,
      int8s: [1n, null],
      numeric: "1.10",
      time: new Date("2026-03-01T12:00:00.123Z"),
      date: "2026-03-01",
      int4: 7,
      json: { a: 1 },
      bytes: Buffer.from([1, 255]),
    },
  ]);
});

test("values are written with their types", async () => {
  const time = new Date("2026-03-01T12:00:00.123Z");
  const { rows } = await pool.query(
    "select $1::bigint = 9007199254740993 as int8, $2::bigint[] = '{1,2}' as int8s, $3::timestamptz = '2026-03-01T12:00:00.123Z' as time, $4::bytea = '\\x01ff' as bytes",
    [9_007_199_254_740_993n, [1n, 2n], time, new Uint8Array([1, 255])],
  );

  expect(rows).toEqual([{ int8: true, int8s: true, time: true, bytes: true }]);
});

test("a transaction commits when its function returns", async () => {
  const result = await withTransaction(pool, async (tx) => {
    await tx.query("update accounts set balance = 5 where id = 'a'");
    return "done";
  });

  expect(result).toBe("done");
  expect(await balances()).toEqual({ a: 5n, b: 10n });
});

test("a transaction rolls back when its function throws, and its connection can be used again", async () => {
  await expect(
    withTransaction(pool, async (tx) => {
      await tx.query("update accounts set balance = 5 where id = 'a'");
      throw new Error("no");
    }),
  ).rejects.toThrow("no");

  expect(await balances()).toEqual({ a: 10n, b: 10n });
});

test("a swallowed failure of a statement does not look like a commit", async () => {
  await expect(
    withTransaction(pool, async (tx) => {
      await tx.query("update accounts set balance = 5 where id = 'a'");
      await tx.query("insert into accounts values ('a', 1)").catch(() => {});
    }),
  ).rejects.toThrow("the transaction was rolled back: a statement in it failed, and the error was swallowed");
});

test("a serialization failure (40001) is retried and succeeds", async () => {
  const bothHaveRead = barrier(2);
  let attempts = 0;
  const move = (from: string, to: string) =>
    withTransaction(pool, async (tx) => {
      attempts++;
      await tx.query("set transaction isolation level serializable");
      const { rows } = await tx.query("select sum(balance) from accounts");
      await bothHaveRead();
      await tx.query("update accounts set balance = balance - 1 where id = $1", [from]);
      await tx.query("update accounts set balance = balance + 1 where id = $1", [to]);
      return rows;
    });

  await Promise.all([move("a", "b"), move("b", "a")]);

  expect(attempts).toBeGreaterThan(2);
  expect(await balances()).toEqual({ a: 10n, b: 10n });
});

test("a deadlock (40P01) is retried and succeeds", async () => {
  const bothHoldOne = barrier(2);
  let attempts = 0;
  const lockInOrder = (first: string, second: string) =>
    withTransaction(pool, async (tx) => {
      attempts++;
      await tx.query("set local deadlock_timeout = '10ms'");
      await tx.query("update accounts set balance = balance + 1 where id = $1", [first]);
      await bothHoldOne();
      await tx.query("update accounts set balance = balance + 1 where id = $1", [second]);
    });

  await Promise.all([lockInOrder("a", "b"), lockInOrder("b", "a")]);

  expect(attempts).toBeGreaterThan(2);
  expect(await balances()).toEqual({ a: 12n, b: 12n });
});

test("contention that does not end is ABORTED / CONTENTION", async () => {
  let attempts = 0;
  const failing = withTransaction(
    pool,
    async (tx) => {
      attempts++;
      await tx.query("do $$ begin raise exception using errcode = '40001', message = 'others'; end $$");
    },
    { attempts: 3 },
  );

  const error = await failing.catch((error) => toConnectError(error, "bank.sagacart"));

  expect(attempts).toBe(3);
  expect(error).toMatchObject({ message: expect.stringContaining("other calls kept changing the same rows") });
});

test("other failures are not retried", async () => {
  let attempts = 0;

  await expect(
    withTransaction(pool, async (tx) => {
      attempts++;
      await tx.query("insert into accounts values ('a', 1)");
    }),
  ).rejects.toMatchObject({ code: "23505" });

  expect(attempts).toBe(1);
});

test("a connection lost during a statement is UNAVAILABLE, and the next call gets a new one", async () => {
  const { proxy, url } = await proxyUrl(database.url);
  await using _ = proxy;
  const cut = createPool({ url, size: 1, applicationName: "test", log: silentLog });

  const failing = withTransaction(cut, async (tx) => {
    await tx.query("select 1");
    await proxy.cut();
    await tx.query("select 1");
  });
  const lost = await failing.catch((error) => toConnectError(error, "bank.sagacart"));
  const refused = await cut.query("select 1").catch((error) => toConnectError(error, "bank.sagacart"));
  await proxy.mend();
  const { rows } = await cut.query("select 1 as one");
  await cut.end();

  for (const error of [lost, refused]) {
    expect(error).toMatchObject({ rawMessage: "the database cannot be reached; try again" });
  }
  expect(rows).toEqual([{ one: 1 }]);
});

test("waits for a connection are measured", async () => {
  const metrics = createMetrics("test");
  const measured = createPool({ url: database.url, size: 1, applicationName: "test", log: silentLog, metrics });

  await Promise.all([measured.query("select 1"), measured.query("select 1")]);
  const text = await metrics.metrics();
  await measured.end();

  expect(text).toContain('postgres_pool_wait_seconds_count{app="test"} 2');
  expect(text).toContain('postgres_pool_connections{app="test"} 1');
  expect(text).toContain('postgres_pool_waiting{app="test"} 0');
});

test("a statement has a time limit", async () => {
  const { rows } = await pool.query("show statement_timeout");

  expect(rows).toEqual([{ statement_timeout: "15s" }]);
});

async function balances(): Promise<Record<string, bigint>> {
  const { rows } = await pool.query<{ id: string; balance: bigint }>("select id, balance from accounts order by id");
  return Object.fromEntries(rows.map(({ id, balance }) => [id, balance]));
}

/** Holds those who come until there are `count` of them; later ones (second attempts) pass. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived++;
    if (arrived >= count) {
      resolve();
    }
    return promise;
  };
}
