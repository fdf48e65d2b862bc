import { Code } from "@connectrpc/connect";
import { type CallContext, callContext, runWithContext } from "../context.ts";
import { DomainError, defineReasons } from "../errors.ts";
import { inSpan, startSharedBy, tracer } from "../trace/trace.ts";

export const coalesceReasons = defineReasons({ OVERLOADED: Code.ResourceExhausted });

export type CoalesceOptions<In, Out> = {
  /** Does the work for all of them at once; answers in the same order. An Error answers its own item. */
  run: (items: readonly In[]) => Promise<readonly (Out | Error)[]>;
  /** The most items of one run. */
  maxItems: number;
  /** The most runs under way. */
  maxConcurrent: number;
  /** The most items that wait; more are refused as OVERLOADED. */
  maxWaiting?: number;
  /** After a run of at least `from` items the next one waits for `ms`, unless it can be full at once: see below. */
  gather?: { readonly from: number; readonly ms: number };
  /** What a run is called in the traces of those that it is for. */
  name?: string;
};

/**
 * Group commit: many calls become few runs. A call that finds fewer than maxConcurrent runs under way starts one at
 * the end of the current turn of the event loop; those that come while all are busy make the next run. Without
 * `gather` there is no timer, so nobody waits for company: one caller alone pays nothing, and the busier it is the larger
 * the runs get.
 *
 * Where a run costs much whatever its size, and what comes of it is waited for longer anyway, `gather` has it wait for
 * company when it is busy. A large run is followed by small ones otherwise: those whom it answers do not all come back
 * in one turn.
 *
 * When `run` throws, every item of that run is rejected with it. `run` sees no call's context: it serves several,
 * and must not end at the deadline of one.
 */
export function coalesce<In, Out>(options: CoalesceOptions<In, Out>): (item: In) => Promise<Out> {
  const { run, maxItems, maxConcurrent, maxWaiting = 100_000, gather, name = "coalesced" } = options;
  let waiting: Waiting<In, Out>[] = [];
  let running = 0;
  let starting = false;
  let lastItems = 0;

  function startSoon(): void {
    if (starting || running >= maxConcurrent || waiting.length === 0) {
      return;
    }
    starting = true;
    const start = () => {
      starting = false;
      startRun();
    };
    if (gather !== undefined && lastItems >= gather.from && waiting.length < maxItems) {
      setTimeout(start, gather.ms);
    } else {
      // Not a microtask: what one read of a socket brings comes in several callbacks of the same turn.
      setImmediate(start);
    }
  }

  function startRun(): void {
    const batch = waiting.slice(0, maxItems);
    waiting = waiting.slice(maxItems);
    lastItems = batch.length;
    running++;
    const span = startSharedBy(
      batch.map(({ caller }) => caller),
      name,
    );
    // settle() never rejects: every failure is given to those who wait.
    void runWithContext(undefined, () => inSpan(span, () => settle(run, batch))).then(() => {
      running--;
      startSoon();
    });
    startSoon();
  }

  return (item) => {
    if (waiting.length >= maxWaiting) {
      const message = `${waiting.length} others wait already; try again later`;
      return Promise.reject(new DomainError(coalesceReasons, "OVERLOADED", message));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Out>();
    waiting.push({ item, resolve, reject, caller: tracer() && callContext() });
    startSoon();
    return promise;
  };
}

type Waiting<In, Out> = {
  item: In;
  resolve: (out: Out) => void;
  reject: (error: unknown) => void;
  /** Whose trace it is a part of, where this process traces. */
  caller: CallContext | undefined;
};

async function settle<In, Out>(
  run: CoalesceOptions<In, Out>["run"],
  batch: readonly Waiting<In, Out>[],
): Promise<void> {
  try {
    const results = await run(batch.map(({ item }) => item));
    if (results.length !== batch.length) {
      throw new Error(`a run of ${batch.length} items gave ${results.length} results`);
    }
    for (const [index, { resolve, reject }] of batch.entries()) {
      const result = results[index];
      if (result instanceof Error) {
        reject(result);
      } else {
        // Same length, checked above; an undefined here is a result that is undefined.
        resolve(result as Out);
      }
    }
  } catch (error) {
    for (const { reject } of batch) {
      reject(error);
    }
  }
}
