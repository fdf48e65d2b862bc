import type { Address } from "@sagacart/proto/type/v1/address";
import type { Decision } from "../shipments/shipment.ts";

/** What the carrier says to a shipment: its decision, or that it will tell later, by webhook. */
export type CarrierAnswer = Decision | { readonly kind: "pending" };

/**
 * Who takes shipments to their addresses.
 *
 * Whatever is asked again with the same key has one effect and one answer. A call that throws says nothing about what
 * became of it: the carrier may have taken the shipment, and the answer was lost.
 */
export type Carrier = {
  /** Asks it to take a shipment. The key is the order's id. */
  create(key: string, address: Address, signal: AbortSignal): Promise<CarrierAnswer>;
  /**
   * Asks it to give a shipment back. `unknown`: it has not taken any with this key, and a request that is still on
   * its way will be taken: ask again then.
   */
  cancel(key: string, signal: AbortSignal): Promise<"cancelled" | "unknown" | "on_its_way">;
};
