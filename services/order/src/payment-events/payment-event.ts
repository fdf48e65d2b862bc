import type { DisputeNews, DisputeState } from "../disputes/dispute.ts";
import type { RefundNews } from "../refunds/refund.ts";

/** The content of an event of the payment service about an order. */
export type PaymentNews = { readonly orderId: string } & (
  | ({ readonly kind: "refunded" } & RefundNews)
  | ({ readonly kind: "disputed" } & DisputeNews)
);

/** The types of the events that orders hear of. */
export const paymentEventTypes = [
  "sagacart.payment.refunded.v1",
  "sagacart.payment.dispute_opened.v1",
  "sagacart.payment.dispute_won.v1",
  "sagacart.payment.dispute_lost.v1",
];

/** Thrown for an event that cannot be read, with the reason. */
export class UnreadableEventError extends Error {
  override readonly name = "UnreadableEventError";
}

/**
 * Reads an event of the payment service; undefined if it is not for an order: of a payment made by hand, or a refund that
 * undoes the payment of an order which did not come about, at the provider or by hand. Throws UnreadableEventError.
 */
export function readPaymentEvent({ type, data }: { type: string; data: string }): PaymentNews | undefined {
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(Object(JSON.parse(data))));
  const text = (name: string): string => {
    const value = fields.get(name);
    return typeof value === "string" ? value : "";
  };
  const orderId = text("orderId");
  const refundId = text("refundId");
  // Older releases did not write the source. The refund that undoes a payment was always told by its id.
  const source = text("source") || (refundId.startsWith("void-") ? "UNDO" : "SHOP");
  if (orderId === "" || source === "UNDO" || source === "HAND") {
    return undefined;
  }
  const common = { orderId, amountMinor: amountOf(fields.get("amount")), reason: text("reason") };
  if (type === "sagacart.payment.refunded.v1") {
    const paymentRefundId = required("refundId", refundId);
    return { kind: "refunded", ...common, paymentRefundId, source: source === "PROVIDER" ? "PROVIDER" : "PAYMENT" };
  }
  const state = disputeStates.get(type);
  if (state === undefined) {
    throw new UnreadableEventError(`there is nothing to record about ${type}`);
  }
  return { kind: "disputed", ...common, disputeId: required("disputeId", text("disputeId")), state };
}

const disputeStates: ReadonlyMap<string, DisputeState> = new Map([
  ["sagacart.payment.dispute_opened.v1", "OPEN"],
  ["sagacart.payment.dispute_won.v1", "WON"],
  ["sagacart.payment.dispute_lost.v1", "LOST"],
]);

function amountOf(amount: unknown): bigint {
  const { minorUnits }: { minorUnits?: unknown } = Object(amount);
  if (typeof minorUnits !== "string" || !/^[1-9]\d{0,17}$/.test(minorUnits)) {
    throw new UnreadableEventError("amount is missing or not positive");
  }
  return BigInt(minorUnits);
}

function required(name: string, value: string): string {
  if (value === "") {
    throw new UnreadableEventError(`${name} is missing`);
  }
  return value;
}
