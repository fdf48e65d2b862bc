import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter, Gauge } from "prom-client";
import { oldestPendingSeconds } from "./messages/message-store.ts";

/** Counters of mails and of skipped events. */
export type Meters = {
  /**
   * Counts an attempt: sent; failed and to be retried; given up; suppressed, because the customer turned it off; or limited,
   * because its recipient got too many. */
  attempted(outcome: "sent" | "failed" | "given_up" | "suppressed" | "limited"): void;
  /** Counts events that could not be read. */
  skipped(count: number): void;
};

/**
 * Registers `notifier_mails_total` by outcome, `notifier_skipped_events_total`, and `notifier_mail_oldest_pending_seconds`,
 * which is read from the database at each scrape.
 */
export function createMeters({ metrics, pool, log }: { metrics: Metrics; pool: Pool; log: Log }): Meters {
  const registers = [metrics];
  const attempts = new Counter({
    ...{ registers, name: "notifier_mails_total", labelNames: ["outcome"] },
    help: "Attempts to send a message by mail, by outcome.",
  });
  const skipped = new Counter({
    ...{ registers, name: "notifier_skipped_events_total" },
    help: "Events that could not be read.",
  });
  const oldest = new Gauge({
    ...{ registers, name: "notifier_mail_oldest_pending_seconds" },
    help: "Age of the oldest message still to be sent; 0 if there is none.",
    async collect() {
      try {
        oldest.set(await oldestPendingSeconds(pool));
      } catch (error) {
        // Serve the other metrics without this one.
        log.warn({ error }, "failed to read the age of the oldest message");
      }
    },
  });
  return {
    attempted: (outcome) => attempts.inc({ outcome }),
    skipped: (count) => skipped.inc(count),
  };
}
