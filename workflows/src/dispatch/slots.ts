import { firstOf } from "./first-of.ts";

/** Limits how many batches run at a time. */
export type Slots = {
  /** Resolves when another batch may start, or the signal aborts. */
  free(signal: AbortSignal): Promise<void>;
  /**
   * Counts a batch as running until `ended` settles; its failure is ignored. Returns a function to call when the batch
   * is nearly finished: the next one need not wait for it any more.
   */
  take(ended: Promise<unknown>): () => void;
  /** Resolves when no batch is running. */
  idle(): Promise<void>;
};

/**
 * Lets a batch start when none is running, when the newest is nearly finished, or when the newest has been running for
 * `staggerMs`; never more than `maxBatches`.
 */
export function createSlots({ maxBatches, staggerMs }: { maxBatches: number; staggerMs: number }): Slots {
  const running = new Set<Promise<void>>();
  let newest = { startMs: 0, nearlyFinished: Promise.resolve(), isNearlyFinished: true };

  /** How long to wait if nothing ends before. */
  function leftMs(): number {
    if (running.size >= maxBatches) {
      return Number.POSITIVE_INFINITY;
    }
    return newest.isNearlyFinished ? 0 : newest.startMs + staggerMs - Date.now();
  }

  return {
    async free(signal) {
      while (running.size > 0 && leftMs() > 0 && !signal.aborted) {
        const isFull = running.size >= maxBatches;
        await firstOf([...running, ...(isFull ? [] : [newest.nearlyFinished])], signal, leftMs());
      }
    },
    take(ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const batch = { startMs: Date.now(), nearlyFinished: promise, isNearlyFinished: false };
      newest = batch;
      const done: Promise<void> = ended
        .then(
          () => {},
          () => {},
        )
        .finally(() => running.delete(done));
      running.add(done);
      return () => {
        batch.isNearlyFinished = true;
        resolve();
      };
    },
    async idle() {
      while (running.size > 0) {
        await Promise.race(running);
      }
    },
  };
}
