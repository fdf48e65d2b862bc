import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import type { Pool } from "./pool.ts";

/** How long a request id is remembered: far longer than anybody tries again. */
const keptDays = 30;
const rowsAtOnce = 10_000;

/** Forgets request ids that are older than 30 days, in small steps, so that the table of them does not grow for ever. */
export function forgetOldRequests({ pool, log }: { pool: Pool; log: Log }): AsyncDisposable {
  return startLoop({
    name: "forget-old-requests",
    log,
    async run() {
      const { rowCount } = await pool.query(
        `delete from requests where ctid = any(array(
           select ctid from requests where create_time < now() - $1 * interval '1 day' limit $2))`,
        [keptDays, rowsAtOnce],
      );
      return rowCount === rowsAtOnce ? "again" : { waitMs: 3_600_000 };
    },
  });
}
