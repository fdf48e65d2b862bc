import { createHash } from "node:crypto";
import type { Actor } from "@sagacart/proto/type/v1/actor";

export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED";

/** SHOP: asked for by RefundPayment. UNDO: undoes a payment. PROVIDER: made at the card provider, outside the shop. */
export type RefundSource = "SHOP" | "UNDO" | "PROVIDER";

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
  readonly source: RefundSource;
  /** The provider's id of the refund; empty if it is not known. */
  readonly providerRefundId: string;
  /** How often the provider refused a refund that must not fail. */
  readonly refusals: number;
  /** How often the provider was asked, or a caller was told to wait; 0: no workflow waits for it. */
  readonly asks: number;
  readonly createTime: Date;
  readonly updateTime: Date;
};

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

export function isVoidRefundId(refundId: string): boolean {
  return refundId.startsWith(voidPrefix);
}

const voidPrefix = "void-";

/** Derives a refund id from a request, so that a repeat about the same payment has the same. */
export function refundIdOfRequest(paymentId: string, requestId: string): string {
  return createHash("sha256").update(`${paymentId} ${requestId}`).digest("hex").slice(0, 32);
}
