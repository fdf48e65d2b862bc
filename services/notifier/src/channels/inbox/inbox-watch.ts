import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Wake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { type Changes, findChanges, findCounters } from "./inbox-store.ts";

export type InboxWatch = AsyncDisposable & {
  /** Yields the changes after a sequence at once, even if there are none; then each change as it happens. */
  watch(customerId: string, after: bigint, signal: AbortSignal): AsyncGenerator<Changes, void, undefined>;
};

/** A watcher, and the newest sequence that it has seen. */
type Watcher = { seen: bigint; notify(): void };

/**
 * Watches inboxes. After each change, in this or another process, one query reads the counters of all watched inboxes, and
 * the watchers of those that changed read the changes.
 */
export function createInboxWatch({ pool, log, wake }: { pool: Pool; log: Log; wake: Wake }): InboxWatch {
  const watchers = new Map<string, Set<Watcher>>();
  const loop = startLoop({
    name: "inbox-watch",
    log,
    wake,
    async run() {
      const counters = watchers.size === 0 ? new Map() : await findCounters(pool, [...watchers.keys()]);
      for (const [customerId, { sequence }] of counters) {
        for (const watcher of watchers.get(customerId) ?? []) {
          if (watcher.seen !== sequence) {
            watcher.notify();
          }
        }
      }
      return { waitMs: 5_000 };
    },
  });

  function add(customerId: string, watcher: Watcher): () => void {
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
      let change = Promise.withResolvers<void>();
      const watcher: Watcher = { seen: after, notify: () => change.resolve() };
      const remove = add(customerId, watcher);
      const onAbort = () => change.resolve();
      signal.addEventListener("abort", onAbort);
      try {
        for (let isFirst = true; !signal.aborted; isFirst = false) {
          // Renew it before the query: a change during the query must not be missed.
          change = Promise.withResolvers();
          const changes = await findChanges(pool, { customerId, after: watcher.seen, limit: mostAtOnce });
          if (isFirst || changes.sequence !== watcher.seen) {
            watcher.seen = changes.sequence;
            yield changes;
          }
          if (!changes.isMore && !signal.aborted) {
            await change.promise;
          }
        }
      } finally {
        signal.removeEventListener("abort", onAbort);
        remove();
      }
    },
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
    },
  };
}

const mostAtOnce = 100;
