import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter } from "prom-client";
import type { ReserveOutcome } from "./reservations/reserve.ts";

/** What is counted of the promises of stock. */
export type Meters = {
  /** What came of the orders of a batch, repeats included. */
  reserved(outcomes: readonly ReserveOutcome[]): void;
  /** Reservations that were given back because their time was over. */
  expired(count: number): void;
};

/** `stock_reservations_total` by outcome, and `stock_reservations_expired_total`. */
export function createMeters(metrics: Metrics): Meters {
  const reservations = new Counter({
    name: "stock_reservations_total",
    help: "Orders in batches of reservations, by what came of them.",
    labelNames: ["outcome"],
    registers: [metrics],
  });
  const expired = new Counter({
    name: "stock_reservations_expired_total",
    help: "Reservations given back in the background because their time was over.",
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
