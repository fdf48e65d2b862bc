import { setTimeout } from "node:timers/promises";
import { runWithContext } from "../context.ts";
import { isShutdown } from "../rpc/interceptors/in-flight.ts";
import { backoffMs } from "../time/backoff.ts";
import { createSleeper, type Sleeper } from "../time/sleeper.ts";
import { isPassing, logFailure } from "./failure-log.ts";
import type { Log } from "./log.ts";
import { loopFailures } from "./metrics.ts";

export type LoopOptions = {
  /** The loop's name in the log and in metrics. */
  name: string;
  log: Log;
  /** Runs one round. Returns "again" if there may be more work at once, else how long to sleep. */
  run: (signal: AbortSignal) => Promise<"again" | { waitMs: number }>;
  /** Ends a sleep early. A wake-up during a round is not lost: the next round follows at once. */
  wake?: { subscribe(listener: () => void): () => void };
  /** How long rounds may fail for reasons that pass by themselves until that is an error, in ms; a minute if absent. */
  patienceMs?: number;
};

/**
 * Runs rounds of work in the background until it is disposed of. After an error, the next round follows after a pause (100 ms,
 * growing to 10 s). A stream that ends because its server shuts down is expected, and logged as debug only.
 *
 * A failure that passes by itself is a warning. It becomes an error, once, when rounds have failed for a minute: then a
 * person should look. Bugs are errors. The end of a trouble is logged with the number of rounds that failed.
 * Disposing of it aborts the signal and waits for the current round.
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

async function rounds(
  { name, log, run, patienceMs = 60_000 }: LoopOptions,
  signal: AbortSignal,
  sleeper: Sleeper,
): Promise<void> {
  let failures = 0;
  let failingSinceMs = 0;
  let isTold = false;
  while (!signal.aborted) {
    sleeper.forget();
    try {
      const next = await run(signal);
      if (isTold) {
        log.info({ loop: name, failures }, "background rounds succeed again");
      }
      failures = 0;
      isTold = false;
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
      failingSinceMs = failures === 0 ? performance.now() : failingSinceMs;
      failures++;
      if (isShutdown(error)) {
        log.debug({ loop: name }, "a server shut down; the next round calls another one");
      } else {
        loopFailures.inc({ loop: name });
        const fields = { error, loop: name, failures, pauseMs: Math.round(pauseMs) };
        if (isPassing(error) && !isTold && performance.now() - failingSinceMs >= patienceMs) {
          isTold = true;
          log.error(fields, "background rounds have failed for a minute; they are tried again");
        } else {
          logFailure(log, fields, "a background round failed");
        }
      }
      // Wake-ups do not shorten this pause: failures would only follow faster.
      await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
}
