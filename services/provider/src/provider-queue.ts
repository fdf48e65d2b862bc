import { type CallContext, callContext, runWithContext } from "@sagacart/chassis/context";
import { logFailure } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";

/** Why a job has no answer: its call failed or timed out, its turn has not come, or its call is still under way. */
export type NoAnswer = { readonly kind: "failed" | "unasked" | "under_way" };

/** Calls to one provider, limited in number, each job asked for once at a time. */
export type ProviderQueue<Job, Result> = AsyncDisposable & {
  /**
   * Asks the provider for each job, several at a time, and returns after `withinMs` at the latest, with `under_way` or
   * `unasked` for a job that has no answer by then. A job that is asked for already is not asked for twice: all callers
   * that wait for it get its answer.
   *
   * A call still under way goes on, and its answer is given to `writeLate`.
   */
  ask(jobs: readonly Job[], withinMs: number): Promise<Result[]>;
};

export type ProviderQueueOptions<Job, Result> = {
  /** The provider's name in the log. */
  provider: string;
  /** Jobs with the same key are the same job. */
  keyOf(job: Job): string;
  call(job: Job, signal: AbortSignal): Promise<Result>;
  withoutAnswer(job: Job, why: NoAnswer["kind"]): Result;
  /** The most calls under way. */
  concurrency: number;
  /** When a call is given up. */
  timeoutMs: number;
  log: Log;
  /** The fields of a job in the log. */
  logFields(job: Job): Readonly<Record<string, unknown>>;
  /** Called with the result of each call. */
  onAnswer?: (result: Result) => void;
  /** Writes results for which no caller waits any more. */
  writeLate(results: readonly Result[]): Promise<unknown>;
};

export function createProviderQueue<Job, Result>(
  options: ProviderQueueOptions<Job, Result>,
): ProviderQueue<Job, Result> {
  const { provider, keyOf, withoutAnswer, concurrency, timeoutMs, log, logFields, onAnswer } = options;
  const stopping = new AbortController();
  /** In the order in which they came. */
  const waiting = new Map<string, Queued<Job, Result>>();
  const underWay = new Map<string, Queued<Job, Result> & { readonly ended: Promise<void> }>();
  const writeLate = coalesce<Result, void>({
    name: "write late results",
    maxItems: 500,
    maxConcurrent: 1,
    async run(results) {
      await options.writeLate(results);
      return results.map(() => undefined);
    },
  });

  function join(job: Job, listener: Listener<Result>): void {
    const key = keyOf(job);
    const queued = underWay.get(key) ?? waiting.get(key);
    if (queued === undefined) {
      waiting.set(key, { job, listeners: new Set([listener]), context: callContext() });
    } else {
      queued.listeners.add(listener);
    }
  }

  function leave(job: Job, listener: Listener<Result>): Result {
    const key = keyOf(job);
    const queued = waiting.get(key);
    queued?.listeners.delete(listener);
    underWay.get(key)?.listeners.delete(listener);
    if (queued?.listeners.size === 0) {
      waiting.delete(key);
    }
    return withoutAnswer(job, queued === undefined ? "under_way" : "unasked");
  }

  function startNext(): void {
    for (const [key, next] of waiting) {
      if (underWay.size >= concurrency || stopping.signal.aborted) {
        return;
      }
      waiting.delete(key);
      underWay.set(key, { ...next, ended: runWithContext(next.context, () => run(key, next)) });
    }
  }

  async function run(key: string, { job, listeners }: Queued<Job, Result>): Promise<void> {
    const result = await call(job);
    onAnswer?.(result);
    underWay.delete(key);
    startNext();
    if (listeners.size === 0) {
      await writeLate(result).catch((error) => {
        logFailure(
          log,
          { error, ...logFields(job) },
          `a late answer of the ${provider} could not be written; it is asked again`,
        );
      });
    }
    for (const listener of listeners) {
      listener(key, result);
    }
  }

  async function call(job: Job): Promise<Result> {
    try {
      return await options.call(job, AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]));
    } catch (error) {
      log.warn({ error, ...logFields(job) }, `the ${provider} did not answer; it will be asked again`);
      return withoutAnswer(job, "failed");
    }
  }

  return {
    async ask(jobs, withinMs) {
      const results = new Map<string, Result>();
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const listener: Listener<Result> = (key, result) => {
        results.set(key, result);
        if (results.size === jobs.length) {
          resolve();
        }
      };
      for (const job of jobs) {
        join(job, listener);
      }
      startNext();
      const timer = setTimeout(resolve, withinMs);
      await over;
      clearTimeout(timer);
      return jobs.map((job) => results.get(keyOf(job)) ?? leave(job, listener));
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
    },
  };
}

type Listener<Result> = (key: string, result: Result) => void;

type Queued<Job, Result> = {
  readonly job: Job;
  readonly listeners: Set<Listener<Result>>;
  /** The first caller's, so that the call is part of its trace and not of the call that ended before it. */
  readonly context: CallContext | undefined;
};
