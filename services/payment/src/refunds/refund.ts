import { createHash } from "node:crypto";

export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED";

/** A refund as it is stored. */
export type Refund = {
  readonly id: string;
  /** Sorts by time. */
  readonly place: string;
  readonly paymentId: string;
  /** Of its payment, as is the customer. */
  readonly orderId: string;
  readonly customerId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly state: RefundState;
  readonly failureReason: string;
  /** How often the provider refused what must not fail. */
  readonly refusals: number;
  /** 0: nobody was told to wait for it. */
  readonly asks: number;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** The id of the refund that undoes a payment. Nobody else may choose one of these. */
export function voidRefundId(paymentId: string): string {
  return `${voidPrefix}${paymentId}`;
}

export function isVoidRefundId(refundId: string): boolean {
  return refundId.startsWith(voidPrefix);
}

const voidPrefix = "void-";

/** The same refund id for the same request about the same payment. */
export function refundIdOfRequest(paymentId: string, requestId: string): string {
  return createHash("sha256").update(`${paymentId} ${requestId}`).digest("hex").slice(0, 32);
}
