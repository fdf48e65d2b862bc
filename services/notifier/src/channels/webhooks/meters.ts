import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter, Gauge } from "prom-client";

/** What is counted of the promises of webhooks. */
export type Meters = {
  /** A try: it arrived, or failed and is tried again, or the delivery was given up. */
  tried(outcome: "delivered" | "failed" | "dead"): void;
};

/**
 * `notifier_webhooks_total` by outcome; and, as they are when somebody scrapes, `notifier_webhook_circuits_open`,
 * `notifier_webhooks_pending` and `notifier_webhook_oldest_pending_seconds`.
 */
export function createMeters({ metrics, pool, log }: { metrics: Metrics; pool: Pool; log: Log }): Meters {
  const tries = new Counter({
    name: "notifier_webhooks_total",
    help: "Tries to deliver an event to a webhook endpoint, by what came of them.",
    labelNames: ["outcome"],
    registers: [metrics],
  });
  const pending = new Gauge({
    name: "notifier_webhooks_pending",
    help: "Deliveries that are to be sent or tried again; 100,000 stands for more.",
    registers: [metrics],
  });
  const oldest = new Gauge({
    name: "notifier_webhook_oldest_pending_seconds",
    help: "How long ago the oldest event happened that an endpoint is still to get; 0 where there is none.",
    registers: [metrics],
  });
  const open = new Gauge({
    name: "notifier_webhook_circuits_open",
    help: "Enabled endpoints that nothing is sent to for a while, because they fail.",
    registers: [metrics],
    async collect() {
      try {
        const now = await read(pool);
        open.set(now.open);
        pending.set(now.pending);
        oldest.set(now.oldestSeconds);
      } catch (error) {
        log.warn({ error }, "the state of webhooks could not be read for the metrics");
      }
    },
  });
  return { tried: (outcome) => tries.inc({ outcome }) };
}

async function read(pool: Pool): Promise<{ open: number; pending: number; oldestSeconds: number }> {
  const { rows } = await pool.query<{ open: bigint; pending: bigint; seconds: number | null }>({
    name: "measure-webhooks",
    text: `select (select count(*) from webhook_endpoints where enabled and circuit <> 'CLOSED') as open,
             (select count(*) from
               (select from webhook_deliveries where state = 'PENDING' limit 100000) as counted) as pending,
             (select extract(epoch from now() - create_time)::float8
              from webhook_deliveries where state = 'PENDING' order by id limit 1) as seconds`,
  });
  return {
    open: Number(rows[0]?.open ?? 0),
    pending: Number(rows[0]?.pending ?? 0),
    oldestSeconds: rows[0]?.seconds ?? 0,
  };
}
