import type { Address } from "@sagacart/proto/type/v1/address";
import type { Decision } from "../shipments/shipment.ts";

/** The carrier's answer about a shipment. `pending`: its decision will come by webhook. */
export type CarrierAnswer = Decision | { readonly kind: "pending" };

/**
 * The carrier's answer to a cancellation. `unknown`: it has no such shipment, but would accept a request that is still
 * under way: ask again then. `on_its_way`, and a refusal of its own: it does not give the shipment back, ever.
 */
export type CancelAnswer = "cancelled" | "unknown" | "on_its_way" | { readonly refused: string };

/** Returns why the carrier does not give a shipment back; undefined if it does, or has none. */
export function refusalOf(answer: CancelAnswer): string | undefined {
  if (typeof answer === "object") {
    return answer.refused;
  }
  return answer === "on_its_way" ? answer : undefined;
}

/**
 * A company that delivers shipments.
 *
 * A call that is repeated with the same key has one effect and one answer. After a call that throws, the outcome is
 * unknown: the carrier may have accepted the shipment and its answer was lost.
 */
export type Carrier = {
  /** Asks for a shipment. The key is the order's id. */
  create(key: string, address: Address, signal: AbortSignal): Promise<CarrierAnswer>;
  /** Asks to give a shipment back. */
  cancel(key: string, signal: AbortSignal): Promise<CancelAnswer>;
};
