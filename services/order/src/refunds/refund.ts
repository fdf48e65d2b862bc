import { DomainError } from "@sagacart/chassis/errors";
import type { Money } from "@sagacart/proto/type/v1/money";
import type { State } from "../orders/order.ts";
import { reasons } from "../reasons.ts";

/**
 * The amount of a new refund, in minor units: what was asked for, or all that is left. `claimedMinor` is the sum of the
 * order's refunds that have not failed. Throws NOT_REFUNDABLE, CURRENCY_MISMATCH or REFUND_TOO_HIGH.
 */
export function refundAmount(
  order: { readonly id: string; readonly state: State; readonly currency: string; readonly totalMinor: bigint },
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
  const leftMinor = order.totalMinor - claimedMinor;
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
