import { expect, test } from "vitest";
import { testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { requestsTable } from "./request-ids.ts";
import { forgetOldRequests } from "./request-retention.ts";

test("request ids are deleted after thirty days, and not before", async () => {
  await using database = await testDatabase();
  const { pool } = database;
  await pool.query(requestsTable);
  await pool.query(
    `insert into requests (scope, request_id, method, fingerprint, create_time)
     select 'ann', age || ' days', 'Checkout', '', now() - age * interval '1 day' from unnest(array[0, 29, 31, 400]) as age`,
  );
  await using _loop = forgetOldRequests({ pool, log: silentLog });
  const kept = async () => (await pool.query("select request_id from requests order by create_time")).rows;
  await expect.poll(kept).toEqual([{ request_id: "29 days" }, { request_id: "0 days" }]);
});
