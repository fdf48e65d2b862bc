import { createHash } from "node:crypto";
import type { Actor } from "@sagacart/proto/type/v1/actor";

export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED";

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
  /** How often the provider refused a refund that must not fail. */
  readonly refusals: number;
  /** How often the provider was asked, or a caller was told to wait; 0: no workflow waits for it. */
  readonly asks: number;
  readonly createTime: Date;
  readonly updateTime: Date;
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
