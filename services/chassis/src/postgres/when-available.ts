import { setTimeout } from "node:timers/promises";
import type { Log } from "../process/log.ts";
import { backoffMs } from "../time/backoff.ts";
import { databaseFailure } from "./failure.ts";

/**
 * Runs a service's database work at the start, and retries it while the database cannot be reached, since the two may start
 * in any order. Throws other failures.
 */
export async function whenAvailable<T>(log: Log, run: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await run();
    } catch (error) {
      if (databaseFailure(error) !== "DATABASE_UNAVAILABLE") {
        throw error;
      }
      log.warn({ error }, "waiting for the database");
      await setTimeout(backoffMs(failures, { firstMs: 100, longestMs: 2_000 }));
    }
  }
}
