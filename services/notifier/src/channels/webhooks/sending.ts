import { logFailure } from "@sagacart/chassis/process/failure-log";
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
  /** Concurrent requests to all endpoints. */
  concurrency: number;
  /** Concurrent requests to one endpoint. */
  concurrencyPerEndpoint: number;
  wake: { subscribe(listener: () => void): () => void };
};

/**
 * Sends PENDING deliveries that are due, to many endpoints concurrently: a slow one uses only its own share. Any number of
 * processes may do so: a delivery is claimed by one at a time, and if that process dies, others claim it after its lease.
 * An endpoint gets it at least once, always with the same id.
 */
export function startSending(options: SendingOptions): AsyncDisposable {
  const { pool, log, timeoutMs, concurrency, concurrencyPerEndpoint, retryMs } = options;
  const terms: Terms = { leaseMs: 3 * timeoutMs, giveUpMs: options.giveUpMs };
  const inFlight = new Map<string, Set<Promise<void>>>();
  const stopping = new AbortController();
  const wake = withLocalWake(options.wake);
  const count = () => [...inFlight.values()].reduce((sum, { size }) => sum + size, 0);

  const launch = (endpoint: DueEndpoint, deliveries: readonly Outgoing[], secrets: readonly string[]) => {
    const claimedMs = performance.now();
    const ofEndpoint = inFlight.get(endpoint.id) ?? new Set();
    inFlight.set(endpoint.id, ofEndpoint);
    for (const delivery of deliveries) {
      const running = run(delivery)
        // The claim will run out, and the delivery will be sent again.
        .catch((error) =>
          logFailure(log, { error, deliveryId: delivery.id }, "failed to record the outcome of a webhook"),
        )
        .finally(() => {
          ofEndpoint.delete(running);
          if (ofEndpoint.size === 0 && inFlight.get(endpoint.id) === ofEndpoint) {
            inFlight.delete(endpoint.id);
          }
          wake.wake();
        });
      ofEndpoint.add(running);
    }
    async function run(delivery: Outgoing): Promise<void> {
      // A process that was paused may have lost its claim, and must not send any more.
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
    wake,
    async run(signal) {
      for (const endpoint of await findDueEndpoints(pool)) {
        const running = inFlight.get(endpoint.id)?.size ?? 0;
        // Half of the free capacity, so that many slow endpoints leave some for the others.
        const share = Math.ceil((concurrency - count()) / 2);
        const limit = Math.min(concurrencyPerEndpoint - running, share);
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
      await Promise.all([...inFlight.values()].flatMap((running) => [...running]));
      clearTimeout(late);
    },
  };
}

// On shutdown, requests may take this long to end, in ms. Then they are aborted and their deliveries released.
const drainMs = 3_000;

/** Extends a wake-up source with wake-ups from this module. */
function withLocalWake(wake: SendingOptions["wake"]) {
  const listeners = new Set<() => void>();
  return {
    wake() {
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
