import type { NewEvent } from "@sagacart/outbox/events/append";
import type { Actor } from "@sagacart/proto/type/v1/actor";
import type { Dispute } from "../disputes/dispute.ts";
import type { Refund } from "../refunds/refund.ts";

export type Kind = "ORDER" | "MANUAL";
export type State = "PENDING" | "CAPTURED" | "DECLINED" | "VOIDED";

/** A payment as it is stored. A tombstone, which was voided before it was charged, has no `charge`. */
export type Payment = {
  readonly id: string;
  readonly kind: Kind;
  /** Empty in a MANUAL payment, whose attempt is 0. */
  readonly orderId: string;
  readonly attempt: number;
  readonly charge: ChargeContent | undefined;
  readonly state: State;
  readonly declineReason: string;
  readonly capturedMinor: bigint;
  /** The sum of its refunds that have not failed. */
  readonly refundedMinor: bigint;
  /** The sum of its disputes that are open or lost. */
  readonly disputedMinor: bigint;
  readonly providerChargeId: string;
  /** How often the provider was asked, or a caller was told to wait; 0: no workflow waits for it. */
  readonly asks: number;
  /** The provider is still to be asked about it. */
  readonly isOpen: boolean;
  readonly eventSequence: bigint;
  /** Absent in an order's payment. */
  readonly createdBy: Actor | undefined;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** The content of a charge. */
export type ChargeContent = {
  readonly customerId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Empty: the customer's balance. */
  readonly paymentMethod: string;
};

/** An attempt to charge for an order. */
export type Intent = ChargeContent & { readonly orderId: string; readonly attempt: number };

/** Returns true if the payment has the content of the intent. A tombstone has no content, and matches any. */
export function isSame({ charge }: Payment, intent: ChargeContent): boolean {
  return (
    charge === undefined ||
    (charge.customerId === intent.customerId &&
      charge.currency === intent.currency &&
      charge.amountMinor === intent.amountMinor &&
      charge.paymentMethod === intent.paymentMethod)
  );
}

/** Returns true if the payment is charged or may become so: at most one of an order's attempts at a time. */
export function isLive({ state }: Payment): boolean {
  return state === "PENDING" || state === "CAPTURED";
}

/** The amount that can still be refunded. Disputes and refunds together may exceed the capture. */
export function leftMinor({ capturedMinor, refundedMinor, disputedMinor }: Payment): bigint {
  const left = capturedMinor - refundedMinor - disputedMinor;
  return left > 0n ? left : 0n;
}

/** The decline reason of an attempt that came while another one of its order was live. */
export const otherIsLive = "payment_exists";

/** Returns true for a charge of more than nothing to a card. */
export function needsProvider({ amountMinor, paymentMethod }: ChargeContent): boolean {
  return paymentMethod !== "" && amountMinor > 0n;
}

type EventPayment = Pick<Payment, "id" | "orderId" | "attempt" | "charge" | "declineReason">;

/** The event of a payment that reached a state. */
export function paymentEvent(payment: EventPayment, state: Exclude<State, "PENDING">, sequence: bigint): NewEvent {
  const { id, charge, declineReason } = payment;
  return {
    subject: id,
    sequence,
    type: `sagacart.payment.${state.toLowerCase()}.v1`,
    data: {
      paymentId: id,
      ...ofOrder(payment),
      ...(charge === undefined
        ? {}
        : { customerId: charge.customerId, amount: moneyJson(charge.currency, charge.amountMinor) }),
      ...(state === "DECLINED" ? { reason: declineReason } : {}),
    },
  };
}

/** The event of a refund that succeeded. */
export function refundedEvent(
  payment: EventPayment,
  { id: refundId, amountMinor, reason, source }: Pick<Refund, "id" | "amountMinor" | "reason" | "source">,
  sequence: bigint,
): NewEvent {
  const { id, charge } = payment;
  return {
    subject: id,
    sequence,
    type: "sagacart.payment.refunded.v1",
    data: {
      paymentId: id,
      refundId,
      source,
      ...ofOrder(payment),
      ...(charge === undefined
        ? {}
        : { customerId: charge.customerId, amount: moneyJson(charge.currency, amountMinor) }),
      // The reason of an operator is for operators.
      ...(reason === "" || source === "HAND" ? {} : { reason }),
    },
  };
}

/** The event of a dispute that reached a state. */
export function disputeEvent(
  payment: EventPayment,
  { id: disputeId, amountMinor, reason, state }: Pick<Dispute, "id" | "amountMinor" | "reason" | "state">,
  sequence: bigint,
): NewEvent {
  const { id, charge } = payment;
  return {
    subject: id,
    sequence,
    type: `sagacart.payment.dispute_${state === "OPEN" ? "opened" : state.toLowerCase()}.v1`,
    data: {
      paymentId: id,
      disputeId,
      ...ofOrder(payment),
      ...(charge === undefined
        ? {}
        : { customerId: charge.customerId, amount: moneyJson(charge.currency, amountMinor) }),
      ...(reason === "" ? {} : { reason }),
    },
  };
}

function ofOrder({ orderId, attempt }: EventPayment) {
  return orderId === "" ? {} : { orderId, attempt };
}

function moneyJson(currencyCode: string, minorUnits: bigint) {
  return { currencyCode, minorUnits: minorUnits.toString() };
}
