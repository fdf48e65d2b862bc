import type { JsonObject } from "@sagacart/outbox/json";
import type { State } from "./order.ts";

/** The type of the event that announces a state. */
export function eventType(state: State): string {
  return `sagacart.order.${state === "PENDING" ? "created" : state.toLowerCase()}.v1`;
}

/** The data that every event of an order has. */
export function orderEventData(order: {
  readonly id: string;
  readonly customerId: string;
  readonly state: State;
  readonly currency: string;
  readonly totalMinor: bigint;
}): JsonObject {
  return {
    orderId: order.id,
    customerId: order.customerId,
    state: order.state,
    total: { currencyCode: order.currency, minorUnits: order.totalMinor.toString() },
  };
}
