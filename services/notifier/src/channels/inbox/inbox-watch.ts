import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Wake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { type Changes, findChanges, findStandings } from "./inbox-store.ts";

export type InboxWatch = AsyncDisposable & {
  /** What changed after a sequence, at once and also where nothing did; then each change as it comes. */
  watch(customerId: string, after: bigint, signal: AbortSignal): AsyncGenerator<Changes, void, undefined>;
};

/** Who watches, and the sequence that they know of. */
type Watcher = { known: bigint; tell(): void };

/**
 * Those who watch inboxes. Whenever something changed in one, here or in another process, all that are watched are
 * looked at in one query, and those who watch one that changed look into it.
 */
export function createInboxWatch({ pool, log, wake }: { pool: Pool; log: Log; wake: Wake }): InboxWatch {
  const watchers = new Map<string, Set<Watcher>>();
  const loop = startLoop({
    name: "inbox-watch",
    log,
    wake,
    async run() {
      const standings = watchers.size === 0 ? new Map() : await findStandings(pool, [...watchers.keys()]);
      for (const [customerId, { sequence }] of standings) {
        for (const watcher of watchers.get(customerId) ?? []) {
          if (watcher.known !== sequence) {
            watcher.tell();
          }
        }
      }
      return { waitMs: 5_000 };
    },
  });

  function enter(customerId: string, watcher: Watcher): () => void {
    const set = watchers.get(customerId) ?? new Set();
    watchers.set(customerId, set.add(watcher));
    return () => {
      set.delete(watcher);
      if (set.size === 0 && watchers.get(customerId) === set) {
        watchers.delete(customerId);
      }
    };
  }

  return {
    async *watch(customerId, after, signal) {
      let bell = Promise.withResolvers<void>();
      const watcher: Watcher = { known: after, tell: () => bell.resolve() };
      const leave = enter(customerId, watcher);
      const onAbort = () => bell.resolve();
      signal.addEventListener("abort", onAbort);
      try {
        for (let isFirst = true; !signal.aborted; isFirst = false) {
          // Before the look: what comes meanwhile rings for the next one.
          bell = Promise.withResolvers();
          const changes = await findChanges(pool, { customerId, after: watcher.known, limit: mostAtOnce });
          if (isFirst || changes.sequence !== watcher.known) {
            watcher.known = changes.sequence;
            yield changes;
          }
          if (!changes.isMore && !signal.aborted) {
            await bell.promise;
          }
        }
      } finally {
        signal.removeEventListener("abort", onAbort);
        leave();
      }
    },
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
    },
  };
}

const mostAtOnce = 100;
