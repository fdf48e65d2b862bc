import { testDatabase } from "@sagacart/chassis/testing/database";
import { startProcess } from "@sagacart/chassis/testing/process";
import { startTestIdentityFeed } from "@sagacart/privacy/testing/identity";
import { expect, test } from "vitest";
import { shippingEnv } from "./testing/stack.ts";

test("a process that is killed in the middle of a deletion is replaced by one that goes on", async () => {
  await using identity = await startTestIdentityFeed();
  await using database = await testDatabase(new URL("../migrations/", import.meta.url));
  const { pool } = database;
  await pool.query(
    `insert into shipments (order_id, customer_id, kind, state, address, tracking_number, event_sequence)
     select 'o-' || lpad(n::text, 5, '0'), 'ada', 'CARRIER', 'ACCEPTED', '{"recipient": "Ada"}', 'T' || n, 1
     from generate_series(1, 2000) as s (n)`,
  );
  const left = async () => {
    const { rows } = await pool.query<{ n: number }>(
      "select count(*)::int as n from shipments where address <> '{}'::jsonb",
    );
    return rows[0]?.n ?? 0;
  };
  const main = new URL("./main.ts", import.meta.url);
  const env = {
    ...shippingEnv({ databaseUrl: database.url, carrierUrl: "http://127.0.0.1:1" }),
    IDENTITY_ADDRESS: identity.address,
    ERASURE_SETTLE_MS: "1",
  };
  // A lock on the last row stops the deletion before it.
  const blocker = await pool.connect();
  await blocker.query("begin");
  await blocker.query("select from shipments where order_id = 'o-02000' for update");
  await using first = await startProcess(main, env);
  identity.finishOrder("ada");
  await identity.deleteUsers(["ada"]);
  await expect.poll(left).toBeLessThan(2000);

  await first.kill();
  await blocker.query("rollback");
  blocker.release();
  expect(await left()).toBeGreaterThan(0);
  expect(identity.reports).toEqual([]);
  await pool.query("update erasures set next_try_time = now()");
  await using _second = await startProcess(main, env);

  await expect.poll(() => identity.reports).toContain("shipping ada");
  expect(await left()).toBe(0);
  const { rows } = await pool.query("select count(distinct tracking_number)::int as n from shipments");
  expect(rows).toEqual([{ n: 2000 }]);
}, 300_000);
