import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter } from "prom-client";
import type { Result } from "./card-provider/job.ts";
import type { Outcome } from "./payments/charge.ts";
import type { Voided } from "./payments/void.ts";

/** Payment's counters. */
export type Meters = {
  /** Counts the outcomes of a batch, repeats included. */
  charged(outcomes: readonly Outcome[]): void;
  voided(outcomes: readonly Voided[]): void;
  /** Counts a call to the card provider by its answer, or as failed. */
  answered(result: Result): void;
};

/** Makes `payment_charges_total` and `payment_voids_total` by outcome, `payment_provider_calls_total` by kind and answer. */
export function createMeters(metrics: Metrics): Meters {
  const registers = [metrics];
  const charges = new Counter({
    name: "payment_charges_total",
    help: "Orders in batches of charges, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const voids = new Counter({
    name: "payment_voids_total",
    help: "Orders in batches of voids, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const calls = new Counter({
    name: "payment_provider_calls_total",
    help: "Calls to the card provider, by its answer.",
    labelNames: ["kind", "answer"],
    registers,
  });
  return {
    charged(outcomes) {
      for (const { kind } of outcomes) {
        charges.inc({ outcome: kind });
      }
    },
    voided(outcomes) {
      for (const { kind } of outcomes) {
        voids.inc({ outcome: kind });
      }
    },
    answered: ({ kind, answer }) => calls.inc({ kind, answer: answer.kind }),
  };
}
