import type { Metrics } from "@sagacart/chassis/process/metrics";
import { uuidTimeMs } from "@sagacart/chassis/uuid";
import type { Command } from "@sagacart/proto/command/v1/command";
import { Counter, Gauge, Histogram } from "prom-client";

/** The metrics of the dispatchers. */
export type Meters = {
  /** Commands were claimed; the oldest comes first. */
  claimed(commands: readonly Command[]): void;
  /** A batch of checkouts begins. Call `started` once Temporal has it, and `ended` at its end. */
  batch(orders: number): { started(): void; ended(outcome: "completed" | "failed"): void };
  /** A command for one order was delivered to its workflow, or could not be. */
  delivered(kind: string, outcome: "done" | "failed"): void;
  /** Orders whose workflow was gone were restarted. */
  restarted(orders: number): void;
};

/**
 * `sagacart_command_wait_seconds` by kind, `sagacart_batch_orders`, `sagacart_batch_start_seconds`,
 * `sagacart_batch_duration_seconds` by outcome, `sagacart_batches_under_way` and `sagacart_batches_limit`,
 * `sagacart_commands_brought_total` by kind and outcome, and `sagacart_orders_restarted_total`.
 */
export function createMeters(metrics: Metrics, maxBatches: number): Meters {
  const registers = [metrics];
  const waits = new Histogram({
    name: "sagacart_command_wait_seconds",
    help: "How long the oldest command of a claim had waited since it was recorded.",
    labelNames: ["kind"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const orders = new Histogram({
    name: "sagacart_batch_orders",
    help: "How many orders a batch of checkouts has.",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
    registers,
  });
  const starts = new Histogram({
    name: "sagacart_batch_start_seconds",
    help: "From the claim of a batch until Temporal had its workflow.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const durations = new Histogram({
    name: "sagacart_batch_duration_seconds",
    help: "From the start of a batch's workflow until it ended; failed are those that Temporal says did.",
    labelNames: ["outcome"],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
    registers,
  });
  durations.zero({ outcome: "failed" });
  const underWay = new Gauge({
    name: "sagacart_batches_under_way",
    help: "Batches of checkouts that this worker started and that have not ended.",
    registers,
  });
  new Gauge({
    name: "sagacart_batches_limit",
    help: "How many batches of checkouts this worker may have under way.",
    registers,
  }).set(maxBatches);
  const delivered = new Counter({
    name: "sagacart_commands_brought_total",
    help: "Commands for one order each, by whether they came to its workflow; those that failed are claimed again.",
    labelNames: ["kind", "outcome"],
    registers,
  });
  const restarted = new Counter({
    name: "sagacart_orders_restarted_total",
    help: "Orders that stood still since their workflow was gone, and were given a new one.",
    registers,
  });
  return {
    claimed([oldest]) {
      const recordedMs = oldest === undefined ? Number.NaN : uuidTimeMs(oldest.id);
      if (oldest !== undefined && Number.isFinite(recordedMs)) {
        // Two machines' clocks: a command recorded slightly in the future did not wait.
        waits.observe({ kind: oldest.kind }, Math.max(0, Date.now() - recordedMs) / 1_000);
      }
    },
    batch(count) {
      const startedMs = performance.now();
      const seconds = () => (performance.now() - startedMs) / 1_000;
      orders.observe(count);
      return {
        started() {
          underWay.inc();
          starts.observe(seconds());
        },
        ended(outcome) {
          underWay.dec();
          durations.observe({ outcome }, seconds());
        },
      };
    },
    delivered: (kind, outcome) => delivered.inc({ kind, outcome }),
    restarted: (count) => restarted.inc(count),
  };
}
