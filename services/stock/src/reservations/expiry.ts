import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Meters } from "../meters.ts";
import { expire } from "./release.ts";

/** So that nobody who wants one of them, or one of their products, waits for long. */
const batchSize = 500;

/**
 * Gives back what is HELD by reservations whose time is over, in the background. Any number of processes may do so at
 * once. Nothing relies on it being prompt but the stock itself: a reservation counts as EXPIRED by the clock.
 */
export function startExpiry(options: { pool: Pool; log: Log; meters: Meters; intervalMs: number }): AsyncDisposable {
  const { pool, log, meters, intervalMs } = options;
  return startLoop({
    name: "expiry",
    log,
    async run() {
      const count = await withTransaction(pool, (tx) => expire(tx, batchSize));
      if (count > 0) {
        meters.expired(count);
        log.info({ count }, "gave back what was held too long");
      }
      return count === batchSize ? "again" : { waitMs: intervalMs };
    },
  });
}
