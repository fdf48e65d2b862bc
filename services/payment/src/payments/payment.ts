import type { NewEvent } from "@sagacart/outbox/events/append";

export type Kind = "ORDER" | "MANUAL";
export type State = "PENDING" | "CAPTURED" | "DECLINED" | "VOIDED";

/** A payment as it is stored. A tombstone has no customer and nothing of what was to be paid. */
export type Payment = {
  readonly id: string;
  readonly kind: Kind;
  /** Empty, and attempt 0, where it was made by hand. */
  readonly orderId: string;
  readonly attempt: number;
  readonly charge: ChargeContent | undefined;
  readonly state: State;
  readonly declineReason: string;
  readonly capturedMinor: bigint;
  /** The sum of its refunds that have not failed. */
  readonly refundedMinor: bigint;
  readonly providerChargeId: string;
  /** 0: nobody was told to wait for it. */
  readonly asks: number;
  /** The provider may still have something to say about it. */
  readonly isOpen: boolean;
  readonly eventSequence: bigint;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** What is to be paid, by whom and how. */
export type ChargeContent = {
  readonly customerId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Empty: the customer's balance. */
  readonly paymentMethod: string;
};

/** What to charge for an order. */
export type Intent = ChargeContent & { readonly orderId: string; readonly attempt: number };

/** Whether the payment is what is asked for again. A tombstone knows no content and differs from nothing. */
export function isSame({ charge }: Payment, intent: ChargeContent): boolean {
  return (
    charge === undefined ||
    (charge.customerId === intent.customerId &&
      charge.currency === intent.currency &&
      charge.amountMinor === intent.amountMinor &&
      charge.paymentMethod === intent.paymentMethod)
  );
}

/** Whether it is charged or may become so. Of an order's attempts only one at a time is. */
export function isLive({ state }: Payment): boolean {
  return state === "PENDING" || state === "CAPTURED";
}

/** Why an attempt was declined that came while another one of its order was live. */
export const otherIsLive = "payment_exists";

/** Money for nothing moves nothing; the balance moves here; only a card needs the provider. */
export function needsProvider({ amountMinor, paymentMethod }: ChargeContent): boolean {
  return paymentMethod !== "" && amountMinor > 0n;
}

type Told = Pick<Payment, "id" | "orderId" | "attempt" | "charge" | "declineReason">;

/** What there is to tell of a payment that has come to its state. */
export function paymentEvent(payment: Told, state: Exclude<State, "PENDING">, sequence: bigint): NewEvent {
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

/** That a refund of the payment has succeeded. */
export function refundedEvent(
  payment: Told,
  { refundId, amountMinor, reason }: { refundId: string; amountMinor: bigint; reason: string },
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
      ...ofOrder(payment),
      ...(charge === undefined
        ? {}
        : { customerId: charge.customerId, amount: moneyJson(charge.currency, amountMinor) }),
      ...(reason === "" ? {} : { reason }),
    },
  };
}

function ofOrder({ orderId, attempt }: Told) {
  return orderId === "" ? {} : { orderId, attempt };
}

function moneyJson(currencyCode: string, minorUnits: bigint) {
  return { currencyCode, minorUnits: minorUnits.toString() };
}
