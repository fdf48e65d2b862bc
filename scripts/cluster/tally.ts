import type { Outcome } from "./buyer.ts";

/** The summary of a load. */
export type Summary = {
  readonly requests: number;
  readonly answered: number;
  readonly failed: number;
  /** Repeats of failed requests. */
  readonly retried: number;
  readonly orders: number;
  /** How many connections the requests were sent on: far fewer, since each is kept. */
  readonly connections: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** The longest time without an answered request, and its start. */
  readonly longestSilenceMs: number;
  readonly longestSilenceAt: string;
  /** The time from the start of the first failed request to the end of the last. */
  readonly failingMs: number;
  readonly seconds: number;
};

/** Counts requests; `now` is a clock in milliseconds. */
export function createTally(now: () => number = Date.now) {
  const startedAt = now();
  const requested = new Map<string, "accepted" | "unknown">();
  const times: number[] = [];
  let failed = 0;
  let retried = 0;
  let connections = 0;
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
        if (!requested.has(orderId)) requested.set(orderId, "unknown");
        return;
      }
      times.push(outcome.ms);
      requested.set(orderId, "accepted");
      if (now() - lastAnswerAt > silence.ms) silence = { ms: now() - lastAnswerAt, at: lastAnswerAt };
      lastAnswerAt = now();
    },
    connected(): void {
      connections += 1;
    },
    /** Each requested order: accepted by the shop, or unknown. */
    requested: (): ReadonlyMap<string, "accepted" | "unknown"> => requested,
    count: () => ({ answered: times.length, failed, retried }),
    summary(): Summary {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
      return {
        requests: times.length + failed,
        answered: times.length,
        failed,
        retried,
        orders: requested.size,
        connections,
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
