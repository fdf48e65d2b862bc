import type { ChargeContent } from "../payments/payment.ts";

/** The card provider's answer about a charge. `pending`: its decision will come by webhook. */
export type ChargeAnswer =
  | { readonly kind: "captured"; readonly chargeId: string }
  | { readonly kind: "declined"; readonly reason: string }
  /** It was not charged, and will not be. */
  | { readonly kind: "cancelled" }
  | { readonly kind: "pending" };

/** The provider refuses a call for good, without saying what became of the charge. */
export type Refusal = { readonly kind: "refused"; readonly reason: string };

export type RefundAnswer = { readonly kind: "succeeded" } | Refusal | { readonly kind: "pending" };

/** A charge as the provider has it now, with all the money that left it, also what the shop did not ask for. */
export type ChargeReading =
  /** The provider has no such charge. */
  { readonly kind: "unknown" } | Exclude<ChargeAnswer, { kind: "captured" }> | CapturedCharge;

export type CapturedCharge = {
  readonly kind: "captured";
  readonly chargeId: string;
  readonly amountMinor: bigint;
  /** The most that can still be refunded. */
  readonly leftMinor: bigint;
  /** The refunds that it made or will make, oldest first. */
  readonly refunds: readonly ProviderRefund[];
};

export type ProviderRefund = {
  /** The provider's id. */
  readonly id: string;
  /** The key with which the shop asked for it; empty for one that the merchant made at the provider. */
  readonly key: string;
  readonly amountMinor: bigint;
  readonly kind: "succeeded" | "pending";
};

export type RefundContent = { readonly paymentId: string; readonly currency: string; readonly amountMinor: bigint };

/**
 * A company that charges cards.
 *
 * A call that is repeated with the same key has one effect and one answer. After a call that throws, the outcome is
 * unknown: the provider may have charged the card and its answer was lost.
 */
export type CardProvider = {
  /** Charges a card. The key is the payment's id. */
  charge(key: string, content: ChargeContent, signal: AbortSignal): Promise<ChargeAnswer | Refusal>;
  /**
   * Cancels a charge, also one that the provider was not asked for yet. A charge that is captured already stays so, and is
   * answered as captured.
   */
  cancel(key: string, signal: AbortSignal): Promise<ChargeAnswer | Refusal>;
  /** Refunds a charge. */
  refund(key: string, content: RefundContent, signal: AbortSignal): Promise<RefundAnswer>;
  /** Reads a charge. Changes nothing. */
  read(key: string, signal: AbortSignal): Promise<ChargeReading>;
};
