import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { WriteResults } from "../payments/results.ts";
import { claimJobs } from "./ask-store.ts";
import type { Desk } from "./provider-queue.ts";

export type AskingOptions = {
  pool: Pool;
  log: Log;
  desk: Desk;
  writeResults: WriteResults;
  retryMs: number;
  /** How long a call to the provider takes at most. */
  timeoutMs: number;
};

/**
 * Asks the provider again for whatever is due, so that nothing is forgotten: not when an answer was lost, and not
 * when the process that asked is gone.
 */
export function startAsking({ pool, log, desk, writeResults, retryMs, timeoutMs }: AskingOptions): AsyncDisposable {
  // Often enough that waiting for the turn is small beside the pause before a try.
  const pollMs = Math.min(1_000, Math.max(20, retryMs / 2));
  return startLoop({
    name: "provider-asks",
    log,
    async run() {
      const jobs = await claimJobs(pool, { limit, leaseMs: timeoutMs + 1_000 });
      if (jobs.length > 0) {
        await writeResults(await desk.ask(jobs, 500), { answering: false });
      }
      return jobs.length >= limit ? "again" : { waitMs: pollMs };
    },
  });
}

const limit = 32;
