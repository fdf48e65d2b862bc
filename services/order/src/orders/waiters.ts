import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Wake } from "@sagacart/chassis/postgres/wake";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import type { Order } from "@sagacart/proto/order/v1/order";
import type { State } from "./order.ts";
import { loadOrders } from "./order-store.ts";

export type Waiters = Disposable & {
  /** Resolves with the order once it satisfies `enough`, or undefined after `waitMs` or when `signal` aborts. */
  until(wait: {
    orderId: string;
    enough: (order: Order) => boolean;
    /** Whether an order that has come to this state is worth a look. */
    worthALook?: (state: State) => boolean;
    /** It was only just recorded: a first look would find nothing new. */
    fresh?: boolean;
    waitMs: number;
    signal: AbortSignal;
  }): Promise<Order | undefined>;
  /** The order as it is now. Questions of one moment are asked together. */
  load(orderId: string): Promise<Order | undefined>;
  /** Says that these orders were changed by this process just now, and to which state where that is known. */
  changed(orders: Iterable<readonly [orderId: string, state?: State]>): void;
  /** Calls `listener` whenever the order may have changed. Returns what ends it. */
  listen(orderId: string, listener: Listener): () => void;
};

type Listener = (state?: State) => void;

/**
 * Those who wait for orders to change.
 *
 * A change made by this process wakes its waiters at once, by the order's id. What other processes change comes as
 * a knock that says nothing; then, and once in a while without a knock, all orders waited for are looked at in one
 * query.
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

  function tell(orders: Iterable<readonly [orderId: string, state?: State]>): void {
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

  const lookAtAll = () => tell([...listeners.keys()].map((orderId) => [orderId] as const));
  const unsubscribe = wake.subscribe(lookAtAll);
  const timer = setInterval(lookAtAll, lookAgainMs);

  return {
    load,
    changed(orders) {
      tell(orders);
      wake.wakeOthers();
    },
    listen,
    async until({ orderId, enough, worthALook, fresh, waitMs, signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<Order | undefined>();
      let looking = false;
      let again = false;
      const look = (state?: State) => {
        if (state !== undefined && worthALook?.(state) === false) {
          return;
        }
        if (looking) {
          again = true;
          return;
        }
        looking = true;
        load(orderId).then((order) => {
          looking = false;
          if (order !== undefined && enough(order)) {
            resolve(order);
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
        if (fresh !== true) {
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

/** How often all orders waited for are looked at without a knock. */
const lookAgainMs = 1_000;
