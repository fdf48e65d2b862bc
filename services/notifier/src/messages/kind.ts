import type { OrderFacts } from "../intake/order-event.ts";

/** The way by which a message reaches a customer. */
export type Channel = "EMAIL" | "INBOX";

export const channels: readonly Channel[] = ["EMAIL", "INBOX"];

/** The languages of templates. The first is the default. */
export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];

export function isLanguage(text: string): text is Language {
  return languages.some((language) => language === text);
}

/** A kind of message: about a type of events, to customers or to the shop's operators. */
export type Kind = {
  /** The type of its events, and of its templates and preferences. */
  readonly eventType: string;
  /** Of a kind about some of the events of a type that has another kind: which, and that type. */
  readonly from?: { readonly eventType: string; readonly matches: (facts: OrderFacts) => boolean };
  /** The kind is for operators: a mail to each of their configured addresses. */
  readonly isForOperators?: true;
  /** The base name of its template files. */
  readonly name: string;
  readonly channels: readonly Channel[];
  /** Why its mails cannot be turned off; absent if they can. In the inbox every kind can. */
  readonly mandatoryBecause?: string;
  /** Its mail waits for a minute and is suppressed if the order moves on meanwhile. */
  readonly isInterim?: true;
};

/** The kinds for customers. */
export const customerKinds: readonly Kind[] = [
  {
    eventType: "sagacart.order.completed.v1",
    name: "order-completed",
    channels,
    mandatoryBecause: "it confirms the contract, is the receipt of what was paid and names the shipment",
  },
  {
    eventType: "sagacart.order.cancelled.v1",
    name: "order-cancelled",
    channels,
    mandatoryBecause: "it ends a contract, and says what happens to money that was paid",
  },
  {
    eventType: "sagacart.order.refunded.v1",
    name: "order-refunded",
    channels,
    mandatoryBecause: "it is the receipt of money that was paid back",
  },
  { eventType: "sagacart.order.rejected.v1", name: "order-rejected", channels },
  { eventType: "sagacart.order.expired.v1", name: "order-expired", channels },
  { eventType: "sagacart.order.awaiting_payment.v1", name: "order-awaiting-payment", channels },
  // Most orders are shipped right after the payment, so that a mail for both would be one too many.
  { eventType: "sagacart.order.paid.v1", name: "order-paid", channels: ["EMAIL"], isInterim: true },
  { eventType: "sagacart.cart.expiring.v1", name: "cart-expiring", channels },
];

const operators = {
  channels: ["EMAIL"],
  isForOperators: true,
  mandatoryBecause: "the shop's operators have to hear of it",
} as const;

/**
 * The kinds for operators: what happened to money at the card provider. A dispute is lost if nobody answers it in time, and
 * the incident that it opens is seen only by those who look at incidents.
 */
const operatorKinds: readonly Kind[] = [
  { eventType: "sagacart.order.dispute_opened.v1", name: "operator-dispute-opened", ...operators },
  { eventType: "sagacart.order.dispute_won.v1", name: "operator-dispute-won", ...operators },
  { eventType: "sagacart.order.dispute_lost.v1", name: "operator-dispute-lost", ...operators },
  {
    eventType: "sagacart.order.refunded_outside.v1",
    name: "operator-refunded-outside",
    // The refund itself is told to the customer.
    from: { eventType: "sagacart.order.refunded.v1", matches: ({ source }) => source === "PROVIDER" },
    ...operators,
  },
];

/** All kinds. Events of other types make no messages. */
export const kinds: readonly Kind[] = [...customerKinds, ...operatorKinds];

/** The types of the events that messages are about. */
export const notifiedTypes: readonly string[] = [...new Set(kinds.map(eventTypeOf))];

function eventTypeOf({ eventType, from }: Kind): string {
  return from?.eventType ?? eventType;
}

const byType = new Map(kinds.map((kind) => [kind.eventType, kind]));
const byEventType = Map.groupBy(kinds, eventTypeOf);

/** Finds the kind of a message by its type. */
export function kindOf(messageType: string): Kind | undefined {
  return byType.get(messageType);
}

/** Finds the kinds of messages that an event may make. */
export function kindsAbout(eventType: string): readonly Kind[] {
  return byEventType.get(eventType) ?? [];
}

/** Returns why the customer cannot turn this off; "" if they can. */
export function mandatoryBecause({ mandatoryBecause }: Kind, channel: Channel): string {
  return channel === "EMAIL" ? (mandatoryBecause ?? "") : "";
}
