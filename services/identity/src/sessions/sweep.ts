import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { deleteExpired } from "./expired-store.ts";

const rowsAtOnce = 1_000;

/** Deletes expired rows in small batches in the background, so that no table grows without end. */
export function sweepExpired({ pool, log }: { pool: Pool; log: Log }): AsyncDisposable {
  return startLoop({
    name: "sweep-expired",
    log,
    async run() {
      const deleted = await deleteExpired(pool, rowsAtOnce);
      return deleted === rowsAtOnce ? "again" : { waitMs: 300_000 };
    },
  });
}
