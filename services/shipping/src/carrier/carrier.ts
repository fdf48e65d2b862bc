import type { Address } from "@sagacart/proto/type/v1/address";
import type { Decision } from "../shipments/shipment.ts";

/** The carrier's answer about a shipment. `pending`: its decision will come by webhook. */
export type CarrierAnswer = Decision | { readonly kind: "pending" };

/**
 * A company that delivers shipments.
 *
 * A call that is repeated with the same key has one effect and one answer. After a call that throws, the outcome is
 * unknown: the carrier may have accepted the shipment and its answer was lost.
 */
export type Carrier = {
  /** Asks for a shipment. The key is the order's id. */
  create(key: string, address: Address, signal: AbortSignal): Promise<CarrierAnswer>;
  /**
   * Asks to give a shipment back. `unknown`: the carrier has none with this key, but would accept a request that is still
   * under way: ask again then.
   */
  cancel(key: string, signal: AbortSignal): Promise<"cancelled" | "unknown" | "on_its_way">;
};
