import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import type { Pool } from "./pool.ts";

/** How long a request id is kept: far longer than any client retries. */
const keptDays = 30;
const rowsAtOnce = 10_000;

/** Deletes request ids that are older than 30 days, in small steps, in the background. */
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
