/** Over what a message goes. */
export type Channel = "EMAIL" | "INBOX";

export const channels: readonly Channel[] = ["EMAIL", "INBOX"];

/** In what languages there are templates. The first is for those who have not said. */
export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];

export function isLanguage(text: string): text is Language {
  return languages.some((language) => language === text);
}

/** A kind of event that customers are told of. */
export type Kind = {
  readonly eventType: string;
  /** The name of its templates' files. */
  readonly name: string;
  readonly channels: readonly Channel[];
  /** Why it cannot be turned off over e-mail; absent where it can. In the inbox everything can. */
  readonly mandatoryBecause?: string;
  /** Waits so long before it is sent, and is not sent at all when its order has gone on by then. */
  readonly isOvertaken?: true;
};

/** Of events of other types nobody is told anything. */
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
    mandatoryBecause: "it ends a contract, and tells what becomes of money that was paid",
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
  // Most orders are shipped the moment they are paid, and a mail for each would be one too many.
  { eventType: "sagacart.order.paid.v1", name: "order-paid", channels: ["EMAIL"], isOvertaken: true },
  { eventType: "sagacart.cart.expiring.v1", name: "cart-expiring", channels },
];

const byType = new Map(kinds.map((kind) => [kind.eventType, kind]));

export function kindOf(eventType: string): Kind | undefined {
  return byType.get(eventType);
}

/** Why the customer cannot turn this off; "" where they can. */
export function mandatoryBecause({ mandatoryBecause }: Kind, channel: Channel): string {
  return channel === "EMAIL" ? (mandatoryBecause ?? "") : "";
}
