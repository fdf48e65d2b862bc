import type { Outcome } from "./buyer.ts";

/** The report of a load. Times in ms. */
export type Summary = {
  readonly requests: number;
  readonly answered: number;
  readonly failed: number;
  /** Requests that were repeats of one that failed. */
  readonly retried: number;
  readonly orders: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** The longest time in which no request was answered, and when it began. */
  readonly longestSilenceMs: number;
  readonly longestSilenceAt: string;
  /** From the first request that failed to the end of the last. */
  readonly failingMs: number;
  readonly seconds: number;
};

/** Counts requests; `now` is a clock in milliseconds. */
export function createTally(now: () => number = Date.now) {
  const startedAt = now();
  const asked = new Map<string, "accepted" | "unknown">();
  const times: number[] = [];
  let failed = 0;
  let retried = 0;
  let lastAnswerAt = startedAt;
  let silence = { ms: 0, at: startedAt };
  let firstFailureAt: number | undefined;
  let lastFailureAt = startedAt;
  return {
    add(orderId: string, outcome: Outcome, attempt: number): void {
      if (attempt > 1) retried += 1;
      if (outcome.kind === "failed") {
        failed += 1;
        firstFailureAt ??= now() - outcome.ms;
        lastFailureAt = now();
        if (!asked.has(orderId)) asked.set(orderId, "unknown");
        return;
      }
      times.push(outcome.ms);
      asked.set(orderId, "accepted");
      if (now() - lastAnswerAt > silence.ms) silence = { ms: now() - lastAnswerAt, at: lastAnswerAt };
      lastAnswerAt = now();
    },
    /** Each order that was asked for, and whether the shop said that it has it. */
    asked: (): ReadonlyMap<string, "accepted" | "unknown"> => asked,
    count: () => ({ answered: times.length, failed, retried }),
    summary(): Summary {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
      return {
        requests: times.length + failed,
        answered: times.length,
        failed,
        retried,
        orders: asked.size,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        slowestMs: at(1),
        longestSilenceMs: Math.round(silence.ms),
        longestSilenceAt: new Date(silence.at).toISOString(),
        failingMs: firstFailureAt === undefined ? 0 : Math.round(lastFailureAt - firstFailureAt),
        seconds: Math.round((now() - startedAt) / 100) / 10,
      };
    },
  };
}
