import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter } from "prom-client";
import type { ReserveOutcome } from "./reservations/reserve.ts";

/** Counters of what became of reservations. */
export type Meters = {
  /** Counts the outcomes of a batch, repeated orders included. */
  reserved(outcomes: readonly ReserveOutcome[]): void;
  /** Counts reservations whose stock the background loop released. */
  expired(count: number): void;
};

/** Registers `stock_reservations_total` by outcome, and `stock_reservations_expired_total`. */
export function createMeters(metrics: Metrics): Meters {
  const reservations = new Counter({
    name: "stock_reservations_total",
    help: "Orders in batches of reservations, by outcome.",
    labelNames: ["outcome"],
    registers: [metrics],
  });
  const expired = new Counter({
    name: "stock_reservations_expired_total",
    help: "Expired reservations whose stock was released in the background.",
    registers: [metrics],
  });
  return {
    reserved(outcomes) {
      for (const { kind } of outcomes) {
        reservations.inc({ outcome: kind });
      }
    },
    expired: (count) => expired.inc(count),
  };
}
