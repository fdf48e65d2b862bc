/** The way by which a message reaches a customer. */
export type Channel = "EMAIL" | "INBOX";

export const channels: readonly Channel[] = ["EMAIL", "INBOX"];

/** The languages of templates. The first is the default. */
export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];

export function isLanguage(text: string): text is Language {
  return languages.some((language) => language === text);
}

/** A kind of event that customers are notified of. */
export type Kind = {
  readonly eventType: string;
  /** The base name of its template files. */
  readonly name: string;
  readonly channels: readonly Channel[];
  /** Why its mails cannot be turned off; absent if they can. In the inbox every kind can. */
  readonly mandatoryBecause?: string;
  /** Its mail waits for a minute and is suppressed if the order moves on meanwhile. */
  readonly isInterim?: true;
};

/** All kinds. Events of other types make no messages. */
export const kinds: readonly Kind[] = [
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

const byType = new Map(kinds.map((kind) => [kind.eventType, kind]));

/** Finds the kind of an event type; undefined if customers are not notified of it. */
export function kindOf(eventType: string): Kind | undefined {
  return byType.get(eventType);
}

/** Returns why the customer cannot turn this off; "" if they can. */
export function mandatoryBecause({ mandatoryBecause }: Kind, channel: Channel): string {
  return channel === "EMAIL" ? (mandatoryBecause ?? "") : "";
}
