import { Code } from "@connectrpc/connect";
import type { Order, OrderChange } from "@sagacart/proto/order/v1/order";
import { failureOf, isTransient } from "../rpc/failure.ts";
import type { StreamGuard } from "./guard-stream.ts";
import { finalStates } from "./timeline.ts";

/** The state of a watched order, as far as it is known. */
export type Watched = {
  readonly order: Order | undefined;
  /** All changes, oldest first. */
  readonly changes: readonly OrderChange[];
  /**
   * `live`: changes arrive as they happen. `lost`: the connection is gone, and is tried again. `ended`: the order is final.
   * `failed`: the order cannot be watched, though it may go on.
   */
  readonly connection: "connecting" | "live" | "lost" | "ended" | "failed";
  /** The error that it failed with. */
  readonly error: unknown;
};

export type WatchStream = (
  afterSequence: bigint,
  signal: AbortSignal,
) => AsyncIterable<{ readonly order?: Order | undefined; readonly changes: readonly OrderChange[] }>;

export const nothingYet: Watched = { order: undefined, changes: [], connection: "connecting", error: undefined };

type WatchOptions = {
  readonly signal: AbortSignal;
  /** Limits each stream. */
  readonly guard: (signal: AbortSignal) => StreamGuard;
  readonly pause: (failures: number, signal: AbortSignal) => Promise<void>;
};

/**
 * Watches an order until it is final, and goes on after a lost connection behind the last change that was seen, so that none
 * is missed and none comes twice. Ends when the signal aborts; never rejects.
 */
export async function watchOrder(
  open: WatchStream,
  report: (watched: Watched) => void,
  { signal, guard: guardOf, pause }: WatchOptions,
): Promise<void> {
  let watched = nothingYet;
  const become = (next: Partial<Watched>) => {
    watched = { ...watched, ...next };
    if (!signal.aborted) {
      report(watched);
    }
  };
  let failures = 0;
  while (!signal.aborted) {
    const guard = guardOf(signal);
    try {
      const seen = watched.changes.at(-1)?.sequence ?? 0n;
      for await (const { order, changes } of open(seen, guard.signal)) {
        guard.heard();
        failures = 0;
        const last = watched.changes.at(-1)?.sequence ?? 0n;
        const fresh = changes.filter(({ sequence }) => sequence > last);
        become({ order: order ?? watched.order, changes: [...watched.changes, ...fresh], connection: "live" });
      }
    } catch (error) {
      if (!signal.aborted && guard.cut() === undefined && !mayPass(error)) {
        become({ error, connection: "failed" });
        return;
      }
    } finally {
      guard.end();
    }
    if (watched.order !== undefined && finalStates.has(watched.order.state)) {
      become({ connection: "ended" });
      return;
    }
    if (guard.cut() === "renewed") {
      continue;
    }
    become({ connection: "lost" });
    await pause(failures, signal);
    failures += 1;
  }
}

/** Returns true if the same stream may be opened later: also after too many calls, or one that ran into another. */
function mayPass(error: unknown): boolean {
  const failure = failureOf(error);
  return isTransient(failure) || failure.code === Code.ResourceExhausted || failure.code === Code.Aborted;
}

/** Waits longer with each failure, at most 5 s; not longer than until the browser is online again. */
export async function pauseBeforeRetry(failures: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(5_000, 250 * 2 ** failures));
  const stop = () => resolve();
  addEventListener("online", stop);
  signal.addEventListener("abort", stop);
  await promise;
  clearTimeout(timer);
  removeEventListener("online", stop);
  signal.removeEventListener("abort", stop);
}
