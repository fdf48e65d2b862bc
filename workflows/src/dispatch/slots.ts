import { firstOf } from "./first-of.ts";

/** Places for batches under way. */
export type Slots = {
  /** Resolves when another batch may start, or the signal aborts. */
  free(signal: AbortSignal): Promise<void>;
  /**
   * A batch is under way until `ended` resolves; nothing is done about its failure. Returns what says that it is as good
   * as over: the next one need not wait for it.
   */
  take(ended: Promise<unknown>): () => void;
  /** Resolves when none is under way. */
  idle(): Promise<void>;
};

/**
 * A batch starts when none is under way, when the newest is as good as over, or when the newest has been under way for
 * `staggerMs`; never more than `maxBatches`.
 */
export function createSlots({ maxBatches, staggerMs }: { maxBatches: number; staggerMs: number }): Slots {
  const underWay = new Set<Promise<void>>();
  let newest = { startMs: 0, nearlyOver: Promise.resolve(), isNearlyOver: true };

  /** How long to wait yet, if nothing ends before. */
  function leftMs(): number {
    if (underWay.size >= maxBatches) {
      return Number.POSITIVE_INFINITY;
    }
    return newest.isNearlyOver ? 0 : newest.startMs + staggerMs - Date.now();
  }

  return {
    async free(signal) {
      while (underWay.size > 0 && leftMs() > 0 && !signal.aborted) {
        const isFull = underWay.size >= maxBatches;
        await firstOf([...underWay, ...(isFull ? [] : [newest.nearlyOver])], signal, leftMs());
      }
    },
    take(ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const batch = { startMs: Date.now(), nearlyOver: promise, isNearlyOver: false };
      newest = batch;
      const done: Promise<void> = ended
        .then(
          () => {},
          () => {},
        )
        .finally(() => underWay.delete(done));
      underWay.add(done);
      return () => {
        batch.isNearlyOver = true;
        resolve();
      };
    },
    async idle() {
      while (underWay.size > 0) {
        await Promise.race(underWay);
      }
    },
  };
}
