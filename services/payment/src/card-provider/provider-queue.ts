import { type CallContext, callContext, runWithContext } from "@sagacart/chassis/context";
import type { Log } from "@sagacart/chassis/process/log";
import type { Provider } from "./card-provider.ts";
import { type Job, jobKey, type Result, withoutAnswer } from "./job.ts";

/** Where the provider is asked. */
export type Desk = AsyncDisposable & {
  /**
   * Asks the provider for each, several at a time, and answers after `withinMs` at the latest, what is not known by
   * then as `under_way` or, where it was not its turn, `unasked`. One that is being asked for already is not asked
   * for twice; its answer serves all who wait.
   *
   * A call still under way then goes on, and its answer is given to `late`.
   */
  ask(jobs: readonly Job[], withinMs: number): Promise<Result[]>;
};

export type DeskOptions = {
  provider: Provider;
  /** The most calls under way. */
  concurrency: number;
  /** When a call is given up. */
  timeoutMs: number;
  log: Log;
  /** Told of what came of each call. */
  onAnswer?: (result: Result) => void;
  /** Takes an answer for which nobody waits any more. Never rejects. */
  late: (result: Result) => Promise<void>;
};

type Listener = (key: string, result: Result) => void;
type Queued = {
  readonly job: Job;
  readonly listeners: Set<Listener>;
  /** Of the call that asked first: its turn comes in that of another, whose trace this is no part of. */
  readonly context: CallContext | undefined;
};
type Call = Queued & { readonly ended: Promise<void> };

export function createDesk({ provider, concurrency, timeoutMs, log, onAnswer, late }: DeskOptions): Desk {
  const stopping = new AbortController();
  /** Whose turn has not come, in the order in which they came. */
  const waiting = new Map<string, Queued>();
  const underWay = new Map<string, Call>();

  function join(job: Job, listener: Listener): void {
    const key = jobKey(job);
    const call = underWay.get(key) ?? waiting.get(key);
    if (call === undefined) {
      waiting.set(key, { job, listeners: new Set([listener]), context: callContext() });
    } else {
      call.listeners.add(listener);
    }
  }

  function leave(job: Job, listener: Listener): Result {
    const key = jobKey(job);
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

  async function run(key: string, { job, listeners }: Queued): Promise<void> {
    const result = await call(job);
    onAnswer?.(result);
    underWay.delete(key);
    startNext();
    if (listeners.size === 0) {
      await late(result);
    }
    for (const listener of listeners) {
      listener(key, result);
    }
  }

  async function call(job: Job): Promise<Result> {
    try {
      return await askProvider(provider, job, AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]));
    } catch (error) {
      log.warn({ error, job: jobKey(job) }, "the card provider did not answer; it will be asked again");
      return withoutAnswer(job, "failed");
    }
  }

  return {
    async ask(jobs, withinMs) {
      const results = new Map<string, Result>();
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const listener: Listener = (key, result) => {
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
      return jobs.map((job) => results.get(jobKey(job)) ?? leave(job, listener));
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
    },
  };
}

async function askProvider(provider: Provider, job: Job, signal: AbortSignal): Promise<Result> {
  const { paymentId } = job;
  switch (job.kind) {
    case "charge":
      return { kind: "charge", paymentId, answer: await provider.charge(paymentId, job.charge, signal) };
    case "cancel":
      return { kind: "cancel", paymentId, answer: await provider.cancel(paymentId, signal) };
    case "refund": {
      const { refundId, refusals } = job;
      const key = refusals === 0 ? refundId : `${refundId}.${refusals}`;
      return { kind: "refund", paymentId, refundId, answer: await provider.refund(key, job, signal) };
    }
    default:
      return job satisfies never;
  }
}
