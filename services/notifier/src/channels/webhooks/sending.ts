import { startLoop } from "@sagacart/chassis/process/loop";
import { type DeliveringOptions, deliver } from "./delivering.ts";
import { findSecrets } from "./secret-store.ts";
import {
  claimDeliveries,
  claimProbe,
  type DueEndpoint,
  findDueEndpoints,
  type Outgoing,
  releaseDelivery,
  type Terms,
} from "./send-store.ts";

export type SendingOptions = DeliveringOptions & {
  giveUpMs: number;
  /** How many requests may be under way at a time, in all and to one endpoint. */
  concurrency: number;
  concurrencyPerEndpoint: number;
  wake: { subscribe(listener: () => void): () => void };
};

/**
 * Sends what is PENDING and due, to many endpoints side by side: one that is slow uses up its own places, and no
 * other's. Any number of processes may: each delivery is with one of them at a time, and when that one dies the others
 * take it once its lease is over. An endpoint gets it at least once, each time with the same id.
 */
export function startSending(options: SendingOptions): AsyncDisposable {
  const { pool, log, timeoutMs, concurrency, concurrencyPerEndpoint, retryMs } = options;
  const terms: Terms = { leaseMs: 3 * timeoutMs, giveUpMs: options.giveUpMs };
  const underWay = new Map<string, Set<Promise<void>>>();
  const stopping = new AbortController();
  const knock = createKnock(options.wake);
  const count = () => [...underWay.values()].reduce((sum, { size }) => sum + size, 0);

  const launch = (endpoint: DueEndpoint, deliveries: readonly Outgoing[], secrets: readonly string[]) => {
    const claimedMs = performance.now();
    const ofEndpoint = underWay.get(endpoint.id) ?? new Set();
    underWay.set(endpoint.id, ofEndpoint);
    for (const delivery of deliveries) {
      const running = run(delivery)
        // The claim runs out, and it is sent again.
        .catch((error) => log.error({ error, deliveryId: delivery.id }, "what came of a webhook could not be recorded"))
        .finally(() => {
          ofEndpoint.delete(running);
          if (ofEndpoint.size === 0 && underWay.get(endpoint.id) === ofEndpoint) {
            underWay.delete(endpoint.id);
          }
          knock.knock();
        });
      ofEndpoint.add(running);
    }
    async function run(delivery: Outgoing): Promise<void> {
      // A process that stood still may have lost its claim: then it may not send any more.
      if (performance.now() - claimedMs > terms.leaseMs - timeoutMs) {
        await releaseDelivery(pool, delivery);
        return;
      }
      await deliver(options, endpoint, delivery, { secrets, signal: stopping.signal });
    }
  };

  const loop = startLoop({
    name: "webhooks",
    log,
    wake: knock,
    async run(signal) {
      for (const endpoint of await findDueEndpoints(pool)) {
        const taken = underWay.get(endpoint.id)?.size ?? 0;
        // Half of what is free, so that many slow endpoints together leave something for the others, too.
        const share = Math.ceil((concurrency - count()) / 2);
        const limit = Math.min(concurrencyPerEndpoint - taken, share);
        if (signal.aborted || limit <= 0) {
          continue;
        }
        const secrets = await findSecrets(pool, endpoint.id);
        const deliveries =
          endpoint.circuit === "CLOSED"
            ? await claimDeliveries(pool, endpoint.id, { ...terms, limit })
            : await claimProbe(pool, endpoint.id, terms);
        launch(endpoint, deliveries, secrets);
      }
      return { waitMs: Math.min(1_000, Math.max(20, retryMs / 2)) };
    },
  });
  return {
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      const late = setTimeout(() => stopping.abort(), drainMs);
      await Promise.all([...underWay.values()].flatMap((running) => [...running]));
      clearTimeout(late);
    },
  };
}

/** What is under way at the end may come to its own end for so long; then it is cut off, and given back. */
const drainMs = 3_000;

/** Wakes from outside, and knocks of our own. */
function createKnock(wake: SendingOptions["wake"]) {
  const listeners = new Set<() => void>();
  return {
    knock() {
      for (const listener of listeners) {
        listener();
      }
    },
    subscribe(listener: () => void) {
      listeners.add(listener);
      const unsubscribe = wake.subscribe(listener);
      return () => {
        listeners.delete(listener);
        unsubscribe();
      };
    },
  };
}
