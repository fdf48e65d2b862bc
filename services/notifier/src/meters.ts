import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter, Gauge } from "prom-client";

/** What is counted of the promises of messages. */
export type Meters = {
  /** A mail: the server took it; it failed and is tried again; it was given up; nobody wanted it any more. */
  tried(outcome: "sent" | "failed" | "given_up" | "suppressed"): void;
  /** Events that could not be understood. */
  skipped(count: number): void;
};

/**
 * `notifier_mails_total` by outcome, `notifier_skipped_events_total`; and, as it is when somebody scrapes,
 * `notifier_mail_oldest_pending_seconds`.
 */
export function createMeters({ metrics, pool, log }: { metrics: Metrics; pool: Pool; log: Log }): Meters {
  const registers = [metrics];
  const tries = new Counter({
    ...{ registers, name: "notifier_mails_total", labelNames: ["outcome"] },
    help: "Tries to send a message by mail, by what came of them.",
  });
  const skipped = new Counter({
    ...{ registers, name: "notifier_skipped_events_total" },
    help: "Events that could not be understood.",
  });
  const oldest = new Gauge({
    ...{ registers, name: "notifier_mail_oldest_pending_seconds" },
    help: "How long the oldest message waits that is still to be sent; 0 where there is none.",
    async collect() {
      try {
        oldest.set(await readOldest(pool));
      } catch (error) {
        // The other metrics are worth having without it.
        log.warn({ error }, "how long messages wait could not be read");
      }
    },
  });
  return {
    tried: (outcome) => tries.inc({ outcome }),
    skipped: (count) => skipped.inc(count),
  };
}

async function readOldest(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ seconds: number }>({
    name: "oldest-pending",
    text: `select extract(epoch from now() - create_time)::float8 as seconds from messages
           where state = 'PENDING' order by id limit 1`,
  });
  return rows[0]?.seconds ?? 0;
}
