import type { ChargeContent } from "../payments/payment.ts";

/** What the provider says of a charge, or that it will tell later, by webhook. */
export type ChargeAnswer =
  | { readonly kind: "captured"; readonly chargeId: string }
  | { readonly kind: "declined"; readonly reason: string }
  /** It has not charged it, and will not. */
  | { readonly kind: "cancelled" }
  | { readonly kind: "pending" };

export type RefundAnswer =
  | { readonly kind: "succeeded" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "pending" };

export type RefundContent = { readonly paymentId: string; readonly currency: string; readonly amountMinor: bigint };

/**
 * Who takes money from cards.
 *
 * Whatever is asked again with the same key has one effect and one answer. A call that throws says nothing about what
 * became of it: the provider may have charged the card, and the answer was lost.
 */
export type CardProvider = {
  /** Asks it to charge a card. The key is the payment's id. */
  charge(key: string, content: ChargeContent, signal: AbortSignal): Promise<ChargeAnswer>;
  /**
   * Asks it not to charge, also what has not come to it yet. What it has charged already it answers as captured, and
   * leaves as it is.
   */
  cancel(key: string, signal: AbortSignal): Promise<ChargeAnswer>;
  /** Asks it to pay back. */
  refund(key: string, content: RefundContent, signal: AbortSignal): Promise<RefundAnswer>;
};
