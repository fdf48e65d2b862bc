import { createHash } from "node:crypto";
import type { Actor } from "@sagacart/proto/type/v1/actor";

export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED" | "REFUSED";
/**
 * SHOP: asked for by RefundPayment. UNDO: undoes a payment. PROVIDER: made at the card provider, outside the shop. HAND:
 * made by an operator another way.
 */
export type RefundSource = "SHOP" | "UNDO" | "PROVIDER" | "HAND";

/** A refund as it is stored. */
export type Refund = {
  readonly id: string;
  /** A UUIDv7: sorts by time. */
  readonly place: string;
  readonly paymentId: string;
  /** The order and the customer are the payment's. */
  readonly orderId: string;
  readonly customerId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  /** Absent if it undoes a payment. */
  readonly requestedBy: Actor | undefined;
  readonly state: RefundState;
  readonly failureReason: string;
  /** How often the provider refused a refund that must not fail, or its amount was changed: each try has its own key. */
  readonly refusals: number;
  readonly source: RefundSource;
  /** The provider's id, of a refund that was made there without the shop. */
  readonly providerRefundId: string;
  /** Pays back what is left at the provider if that is less. */
  readonly atMost: boolean;
  /** How often the provider was asked, or a caller was told to wait; 0: no workflow waits for it. */
  readonly asks: number;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** The amounts of a payment that the customer got back. */
export type PaidBackAmounts = {
  /** The way it came: to the balance, or by the card provider. */
  readonly paidBackMinor: bigint;
  /** By hand. */
  readonly settledMinor: bigint;
};

/** The money that the customer got back of the payments of an order; the currency is "" if nothing was taken. */
export type PaidBack = PaidBackAmounts & { readonly currency: string };

/** A refund that the provider says it made. */
export type RefundNews = {
  readonly kind: "refunded";
  /** The provider's id of the refund. */
  readonly refundId: string;
  /** The key with which the shop asked for it; empty for one that the merchant made at the provider. */
  readonly refundKey: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
};

/** The id of the refund that undoes a payment. Callers may not choose one of these. */
export function voidRefundId(paymentId: string): string {
  return `${voidPrefix}${paymentId}`;
}

/** The id of a refund for the part of a payment that should be paid back, but is not left at the provider. */
export function missingRefundId(id: string): string {
  return `${missingPrefix}${id}`;
}

/** The id of a refund that an operator made by hand. */
export function handRefundId(settlementId: string): string {
  return `${handPrefix}${settlementId}`;
}

/** Returns true for the id of a refund that undoes a payment. */
export function isUndoRefundId(refundId: string): boolean {
  return refundId.startsWith(voidPrefix);
}

/** Returns true for the ids that callers may not choose. */
export function isReservedRefundId(refundId: string): boolean {
  return isUndoRefundId(refundId) || refundId.startsWith(handPrefix);
}

const voidPrefix = "void-";
const missingPrefix = `${voidPrefix}missing-`;
const handPrefix = "by-hand-";

/** Derives a refund id from a request, so that a repeat about the same payment has the same. */
export function refundIdOfRequest(paymentId: string, requestId: string): string {
  return createHash("sha256").update(`${paymentId} ${requestId}`).digest("hex").slice(0, 32);
}
