import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter, Gauge } from "prom-client";
import { measureDeliveries } from "./delivery-store.ts";

/** Counters of webhook attempts. */
export type Meters = {
  /** Counts an attempt: delivered, failed and to be retried, or given up (dead). */
  attempted(outcome: "delivered" | "failed" | "dead"): void;
};

/**
 * Registers `notifier_webhooks_total` by outcome, and three gauges that are read from the database at each scrape:
 * `notifier_webhook_circuits_open`, `notifier_webhooks_pending` and `notifier_webhook_oldest_pending_seconds`.
 */
export function createMeters({ metrics, pool, log }: { metrics: Metrics; pool: Pool; log: Log }): Meters {
  const attempts = new Counter({
    name: "notifier_webhooks_total",
    help: "Attempts to deliver an event to a webhook endpoint, by outcome.",
    labelNames: ["outcome"],
    registers: [metrics],
  });
  const pending = new Gauge({
    name: "notifier_webhooks_pending",
    help: "Deliveries to be sent or retried; 100,000 means that many or more.",
    registers: [metrics],
  });
  const oldest = new Gauge({
    name: "notifier_webhook_oldest_pending_seconds",
    help: "Age of the oldest pending delivery; 0 if there is none.",
    registers: [metrics],
  });
  const open = new Gauge({
    name: "notifier_webhook_circuits_open",
    help: "Enabled endpoints whose circuit is open because they fail.",
    registers: [metrics],
    async collect() {
      try {
        const now = await measureDeliveries(pool);
        open.set(now.open);
        pending.set(now.pending);
        oldest.set(now.oldestSeconds);
      } catch (error) {
        log.warn({ error }, "failed to read the state of webhooks for the metrics");
      }
    },
  });
  return { attempted: (outcome) => attempts.inc({ outcome }) };
}
