import { Code } from "@connectrpc/connect";
import { type CallContext, callContext, runWithContext } from "../context.ts";
import { DomainError, defineReasons } from "../errors.ts";
import { inSpan, startSharedBy, tracer } from "../trace/trace.ts";

export const coalesceReasons = defineReasons({ OVERLOADED: Code.ResourceExhausted });

export type CoalesceOptions<In, Out> = {
  /** Does the work for all items at once; returns results in the same order. An Error rejects its own item. */
  run: (items: readonly In[]) => Promise<readonly (Out | Error)[]>;
  /** The most items of one run. */
  maxItems: number;
  /** The most runs at a time. */
  maxConcurrent: number;
  /** The most waiting items; more are refused as OVERLOADED. */
  maxWaiting?: number;
  /** After a run of at least `from` items, the next one waits `ms` for more items, unless it is full at once. */
  gather?: { readonly from: number; readonly ms: number };
  /** The name of a run's span. */
  name?: string;
};

/**
 * Coalesces many calls into few runs (group commit). If fewer than maxConcurrent runs are in progress, a call starts one
 * at the end of the current turn of the event loop; calls that arrive while all are busy make up the next run. Without
 * `gather` there is no timer: a single caller never waits, and runs get larger with the load.
 *
 * `gather` is for runs with a high fixed cost whose results are not urgent: under load, a run waits a little for more
 * items. Otherwise small runs follow a large one, since the callers that it answers do not all return in one turn.
 *
 * If `run` throws, each item of that run is rejected with the error. `run` has no call's context: it serves several calls,
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
      // Not a microtask: the calls of one socket read arrive in several callbacks of the same turn.
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
    // settle() never rejects: failures go to the waiting callers.
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
  /** The caller's context, for its trace; undefined if this process does not trace. */
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
        // The lengths were compared above, so undefined here is a result.
        resolve(result as Out);
      }
    }
  } catch (error) {
    for (const { reject } of batch) {
      reject(error);
    }
  }
}
