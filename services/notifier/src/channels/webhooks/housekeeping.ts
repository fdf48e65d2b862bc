import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { deleteOld, giveUpOverdue } from "./housekeeping-store.ts";
import type { Meters } from "./meters.ts";

/**
 * Gives up overdue deliveries and those of disabled endpoints, and deletes old ones, once a minute.
 */
export function startHousekeeping({
  pool,
  log,
  meters,
  keepDays,
}: {
  pool: Pool;
  log: Log;
  meters: Meters;
  keepDays: number;
}): AsyncDisposable {
  return startLoop({
    name: "webhook-housekeeping",
    log,
    async run() {
      const givenUp = await giveUpOverdue(pool, limit);
      for (let n = 0; n < givenUp; n++) {
        meters.attempted("dead");
      }
      const deleted = await deleteOld(pool, keepDays, limit);
      return givenUp === limit || deleted === limit ? "again" : { waitMs: 60_000 };
    },
  });
}

const limit = 1_000;
