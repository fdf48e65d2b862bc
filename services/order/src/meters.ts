import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter, Histogram } from "prom-client";
import { isFinal, type State } from "./orders/order.ts";
import type { Moved } from "./saga/move.ts";

/** Counts what becomes of orders. */
export type Meters = {
  /** Counts recorded orders, which are PENDING. */
  recorded(count: number): void;
  /** Counts moves, after they were committed. */
  moved(orders: Iterable<Moved>): void;
};

/**
 * Registers `sagacart_order_moves_total` by the state that orders reached, `sagacart_orders_ended_total` by state and
 * reason, and `sagacart_order_duration_seconds` by the final state.
 */
export function createMeters(metrics: Metrics): Meters {
  const registers = [metrics];
  const moves = new Counter({
    name: "sagacart_order_moves_total",
    help: "Orders by the state that they reached; PENDING counts recorded orders.",
    labelNames: ["state"],
    registers,
  });
  const ended = new Counter({
    name: "sagacart_orders_ended_total",
    help: "Final orders by state and reason; the reason of a completed order is empty.",
    labelNames: ["state", "reason"],
    registers,
  });
  const durations = new Histogram({
    name: "sagacart_order_duration_seconds",
    help: "Time from recording an order to its final state, including days of waiting for its customer.",
    labelNames: ["state"],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400],
    registers,
  });
  moves.inc({ state: "PENDING" }, 0);
  return {
    recorded: (count) => moves.inc({ state: "PENDING" }, count),
    moved(orders) {
      const now = Date.now();
      // Sum up a batch first: incrementing the counters for each order took 6 of 9 µs per order.
      const reached = new Map<State, number>();
      const endings = new Map<State, Map<string, number>>();
      for (const { state, passed, reason, createTime } of orders) {
        for (const each of passed) {
          reached.set(each, (reached.get(each) ?? 0) + 1);
        }
        if (passed.length > 0 && isFinal(state)) {
          const reasons = endings.get(state) ?? new Map<string, number>();
          endings.set(state, reasons);
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
          durations.observe({ state }, Math.max(0, now - createTime.getTime()) / 1_000);
        }
      }
      for (const [state, count] of reached) {
        moves.inc({ state }, count);
      }
      for (const [state, reasons] of endings) {
        for (const [reason, count] of reasons) {
          ended.inc({ state, reason: reason === "" || knownReasons.has(reason) ? reason : "OTHER" }, count);
        }
      }
    },
  };
}

/** The reasons in the contract. A workflow may send any reason, but a label must have few values. */
const knownReasons: ReadonlySet<string> = new Set([
  "OUT_OF_STOCK",
  "PAYMENT_DECLINED",
  "CANCELLED_BY_CUSTOMER",
  "CANCELLED_BY_SHOP",
  "SHIPMENT_REFUSED",
  "PAYMENT_OVERDUE",
  "FAILED",
]);
