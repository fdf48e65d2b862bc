import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Meters } from "../meters.ts";
import { expire } from "./release.ts";

/** Small enough that a call for one of these reservations or products does not wait long for the lock. */
const batchSize = 500;

/**
 * Releases the stock of expired reservations in the background. Any number of processes may do so side by side. A
 * reservation counts as EXPIRED by the clock: a late release only keeps stock from being sold again.
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
        log.info({ count }, "released expired reservations");
      }
      return count === batchSize ? "again" : { waitMs: intervalMs };
    },
  });
}
