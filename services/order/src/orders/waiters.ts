import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Wake } from "@sagacart/chassis/postgres/wake";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import type { Order, OrderChange } from "@sagacart/proto/order/v1/order";
import type { State } from "./order.ts";
import { type ChangesAfter, loadChanges, loadOrders } from "./order-store.ts";

export type Wait<T> = {
  readonly orderId: string;
  readonly load: () => Promise<T | undefined>;
  readonly isEnough: (loaded: T) => boolean;
  /** Returns false for a state of the order that cannot be enough, so that it is not loaded. */
  readonly isRelevant?: (state: State) => boolean;
  /** Skips the first load, of an order that was recorded just now. */
  readonly isNew?: boolean;
  readonly waitMs: number;
  readonly signal: AbortSignal;
};

export type Waiters = Disposable & {
  /**
   * Loads something of an order now and each time the order may have changed. Resolves with it once it is enough, or
   * with undefined after `waitMs` or when `signal` aborts.
   */
  until<T>(wait: Wait<T>): Promise<T | undefined>;
  /** Loads an order. Concurrent loads share a query. */
  load(orderId: string): Promise<Order | undefined>;
  /** Loads the changes of an order after a sequence. Concurrent loads share a query. */
  loadChanges(asked: ChangesAfter): Promise<OrderChange[]>;
  /** Announces that this process changed orders, and to which states where these are known. */
  changed(orders: Iterable<readonly [orderId: string, state?: State]>): void;
};

type Listener = (state?: State) => void;

/**
 * Lets callers wait until an order changes.
 *
 * A change made by this process wakes its waiters at once, by the order's id. A change made by another process comes as
 * a notification without an id. Then, and once a second in case a notification was lost, all orders waited for are
 * loaded in one query.
 */
export function createWaiters(pool: Pool, wake: Wake): Waiters {
  const listeners = new Map<string, Set<Listener>>();
  const load = coalesce<string, Order | undefined>({
    name: "load orders",
    maxItems: 1_000,
    maxConcurrent: 2,
    async run(ids) {
      const orders = await loadOrders(pool, [...new Set(ids)]);
      return ids.map((id) => orders.get(id));
    },
  });

  // However many watches begin at once, they leave the other connections of the pool to everybody else.
  const changes = coalesce<ChangesAfter, OrderChange[]>({
    name: "load order changes",
    maxItems: 1_000,
    maxConcurrent: 2,
    run: (asked) => loadChanges(pool, asked),
  });

  function notify(orders: Iterable<readonly [orderId: string, state?: State]>): void {
    for (const [orderId, state] of orders) {
      for (const listener of listeners.get(orderId) ?? []) {
        listener(state);
      }
    }
  }

  function listen(orderId: string, listener: Listener): () => void {
    const set = listeners.get(orderId) ?? new Set();
    listeners.set(orderId, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && listeners.get(orderId) === set) {
        listeners.delete(orderId);
      }
    };
  }

  const notifyAll = () => notify([...listeners.keys()].map((orderId) => [orderId] as const));
  const unsubscribe = wake.subscribe(notifyAll);
  const timer = setInterval(notifyAll, pollMs);

  return {
    load,
    loadChanges: changes,
    changed(orders) {
      notify(orders);
      wake.wakeOthers();
    },
    async until<T>({ orderId, load, isEnough, isRelevant, isNew, waitMs, signal }: Wait<T>): Promise<T | undefined> {
      const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
      let loading = false;
      let again = false;
      const look = (state?: State) => {
        if (state !== undefined && isRelevant?.(state) === false) {
          return;
        }
        if (loading) {
          again = true;
          return;
        }
        loading = true;
        load().then((loaded) => {
          loading = false;
          if (loaded !== undefined && isEnough(loaded)) {
            resolve(loaded);
          } else if (again) {
            again = false;
            look();
          }
        }, reject);
      };
      const giveUp = () => resolve(undefined);
      const stop = listen(orderId, look);
      const timeout = setTimeout(giveUp, waitMs);
      signal.addEventListener("abort", giveUp);
      try {
        if (signal.aborted) {
          return undefined;
        }
        if (isNew !== true) {
          look();
        }
        return await promise;
      } finally {
        stop();
        clearTimeout(timeout);
        signal.removeEventListener("abort", giveUp);
      }
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      unsubscribe();
    },
  };
}

/** The longest time that the loss of a notification can delay a waiter. */
const pollMs = 1_000;
