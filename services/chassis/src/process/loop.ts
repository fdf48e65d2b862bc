import { setTimeout } from "node:timers/promises";
import { runWithContext } from "../context.ts";
import { isShutdown } from "../rpc/interceptors/in-flight.ts";
import { backoffMs } from "../time/backoff.ts";
import { createSleeper, type Sleeper } from "../time/sleeper.ts";
import type { Log } from "./log.ts";
import { loopFailures } from "./metrics.ts";

export type LoopOptions = {
  /** For the log. */
  name: string;
  log: Log;
  /** One round. "again" when there may be more to do right now, else how long to sleep. */
  run: (signal: AbortSignal) => Promise<"again" | { waitMs: number }>;
  /** Ends a sleep early. A wake that comes during a round is not lost: the next round follows at once. */
  wake?: { subscribe(listener: () => void): () => void };
};

/**
 * Work that goes on in the background and never dies: an error is logged, and after a pause (100 ms, growing to
 * 10 s) it goes on. A server that ends a stream because it shuts down is expected, and logged for debugging only.
 * Closing it aborts the signal and waits for the round under way.
 */
export function startLoop(options: LoopOptions): AsyncDisposable {
  const stopping = new AbortController();
  const sleeper = createSleeper({ signal: stopping.signal, wake: options.wake });
  const ended = runWithContext(undefined, () => rounds(options, stopping.signal, sleeper));
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
      sleeper[Symbol.dispose]();
    },
  };
}

async function rounds({ name, log, run }: LoopOptions, signal: AbortSignal, sleeper: Sleeper): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    sleeper.forget();
    try {
      const next = await run(signal);
      failures = 0;
      if (next === "again") {
        await new Promise((resolve) => setImmediate(resolve));
      } else {
        await sleeper.sleep(next.waitMs);
      }
    } catch (error) {
      if (signal.aborted) {
        break;
      }
      const pauseMs = backoffMs(failures, { firstMs: 100, longestMs: 10_000 });
      failures++;
      if (isShutdown(error)) {
        log.debug({ loop: name }, "a server shut down in good order; the next round goes to another one");
      } else {
        loopFailures.inc({ loop: name });
        log.error({ error, loop: name, failures, pauseMs: Math.round(pauseMs) }, "a background round failed");
      }
      // A wake does not shorten this pause: what fails would fail faster.
      await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
}
