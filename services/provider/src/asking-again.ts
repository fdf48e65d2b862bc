import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { ProviderQueue } from "./provider-queue.ts";

export type AskingAgainOptions<Job, Result> = {
  /** The name of the loop in the log and in metrics. */
  name: string;
  log: Log;
  queue: Pick<ProviderQueue<Job, Result>, "ask">;
  /** Takes jobs that are due. For `leaseMs` no other process takes them. */
  claim(options: { limit: number; leaseMs: number }): Promise<Job[]>;
  write(results: readonly Result[]): Promise<unknown>;
  /** The pause after the first failure. */
  retryMs: number;
  /** When a call to the provider is given up. */
  timeoutMs: number;
};

/**
 * Asks a provider again for each job that is due, until it has answered: after an answer was lost, and after the
 * process that asked is gone.
 */
export function startAskingAgain<Job, Result>(options: AskingAgainOptions<Job, Result>): AsyncDisposable {
  const { name, log, queue, claim, write, retryMs, timeoutMs } = options;
  return startLoop({
    name,
    log,
    async run() {
      const jobs = await claim({ limit: claimLimit, leaseMs: timeoutMs + 1_000 });
      if (jobs.length > 0) {
        await write(await queue.ask(jobs, 500));
      }
      return jobs.length >= claimLimit ? "again" : { waitMs: pollMs(retryMs) };
    },
  });
}

/** The most jobs of one round. */
export const claimLimit = 32;

/** The pause between two rounds: short beside the pause before a retry. */
export function pollMs(retryMs: number): number {
  return Math.min(1_000, Math.max(20, retryMs / 2));
}
