import { DomainError } from "@sagacart/chassis/errors";
import type { Money } from "@sagacart/proto/type/v1/money";
import { type Dispute, disputedMinor } from "../disputes/dispute.ts";
import type { State } from "../orders/order.ts";
import { reasons } from "../reasons.ts";

/** ORDER: asked for by RefundOrder. PAYMENT: by RefundPayment. PROVIDER: made at the card provider. */
export type RefundSource = "ORDER" | "PAYMENT" | "PROVIDER";

/** A refund that the payment service made. */
export type RefundNews = {
  readonly paymentRefundId: string;
  readonly source: Exclude<RefundSource, "ORDER">;
  readonly amountMinor: bigint;
  readonly reason: string;
};

/**
 * The amount of a new refund, in minor units: what was asked for, or all that is left. `claimedMinor` is the sum of the
 * order's refunds that have not failed; what is disputed or lost is not left either. Throws NOT_REFUNDABLE, CURRENCY_MISMATCH or REFUND_TOO_HIGH.
 */
export function refundAmount(
  order: {
    readonly id: string;
    readonly state: State;
    readonly currency: string;
    readonly totalMinor: bigint;
    readonly disputes: readonly Dispute[];
  },
  { amount, claimedMinor }: { amount: Money | undefined; claimedMinor: bigint },
): bigint {
  if (order.state !== "COMPLETED") {
    const message = `order ${order.id} is ${order.state}; only a completed order can be refunded`;
    throw new DomainError(reasons, "NOT_REFUNDABLE", message, { order_id: order.id, state: order.state });
  }
  if (amount !== undefined && amount.currencyCode !== order.currency) {
    const message = `order ${order.id} was paid in ${order.currency}, not in ${amount.currencyCode}`;
    const metadata = { first: order.currency, second: amount.currencyCode };
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, metadata);
  }
  const rest = order.totalMinor - claimedMinor - disputedMinor(order.disputes);
  const leftMinor = rest > 0n ? rest : 0n;
  const amountMinor = amount?.minorUnits ?? leftMinor;
  if (amountMinor > leftMinor || leftMinor === 0n) {
    const message = `order ${order.id} has ${leftMinor} minor units left to refund, ${amountMinor} requested`;
    throw new DomainError(reasons, "REFUND_TOO_HIGH", message, {
      order_id: order.id,
      left_minor: leftMinor.toString(),
    });
  }
  return amountMinor;
}
