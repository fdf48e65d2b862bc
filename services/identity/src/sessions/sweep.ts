import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";

/** Deletes what has expired, in small steps, so that no table grows for ever. */
export function sweepExpired({ pool, log }: { pool: Pool; log: Log }): AsyncDisposable {
  return startLoop({
    name: "sweep-expired",
    log,
    async run() {
      let deleted = 0;
      for (const [table, expired] of Object.entries(expiries)) {
        const { rowCount } = await pool.query(
          `delete from ${table} where ctid = any(array(select ctid from ${table} where ${expired} limit $1))`,
          [rowsAtOnce],
        );
        deleted = Math.max(deleted, rowCount ?? 0);
      }
      return deleted === rowsAtOnce ? "again" : { waitMs: 300_000 };
    },
  });
}

const rowsAtOnce = 1_000;

const expiries = {
  // Their refresh tokens go with them. One that ended is kept until then: a token of it must not look like a new one.
  sessions: "expire_time < now()",
  password_resets: "expire_time < now()",
  oidc_entries: "expire_time < now()",
  throttles: "update_time < now() - interval '1 day'",
};
