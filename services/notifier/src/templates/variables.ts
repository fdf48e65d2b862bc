import { decimalsToShow } from "@sagacart/chassis/currencies";
import { mailName } from "@sagacart/chassis/mail-name";
import { type Amount, decimalText, multiply } from "@sagacart/chassis/money";
import type { OrderFacts } from "../intake/order-event.ts";
import type { Language } from "../messages/kind.ts";

/** The variables of templates, formatted for display. Unknown texts are "", unknown lists empty. */
export type Variables = {
  readonly language: Language;
  readonly shop_name: string;
  readonly shop_url: string;
  readonly customer_name: string;
  readonly order_id: string;
  readonly cart_id: string;
  readonly cart_name: string;
  /** True if an order was made of a cart, which is open again if the order failed. */
  readonly has_cart: boolean;
  readonly lines: readonly {
    readonly title: string;
    readonly quantity: number;
    readonly unit_price: string;
    readonly price: string;
  }[];
  /** The order's total; for a refund, the amount refunded; for a dispute, the disputed amount. */
  readonly total: string;
  /** A code, for example OUT_OF_STOCK. */
  readonly reason: string;
  /** A code or text from the party that refused, for example insufficient_funds. */
  readonly detail: string;
  /** The card provider's id of a dispute. */
  readonly dispute_id: string;
  readonly shortages: readonly { readonly title: string; readonly requested: number; readonly available: number }[];
  readonly tracking_number: string;
  /** Of an order that did not come about: the amount that was paid back the way it came. */
  readonly paid_back: string;
  /** Of such an order: the amount that the shop settled with the customer another way. */
  readonly settled_otherwise: string;
  /** True if such an order took no money; false also where that is not known. */
  readonly nothing_taken: boolean;
  readonly expire_time: string;
  /** The time from the creation of the message to expire_time. */
  readonly time_left: string;
  /** "" if it cannot be turned off. */
  readonly unsubscribe_url: string;
};

export const variableNames: readonly string[] = [
  "language",
  "shop_name",
  "shop_url",
  "customer_name",
  "order_id",
  "cart_id",
  "cart_name",
  "has_cart",
  "lines",
  "total",
  "reason",
  "detail",
  "dispute_id",
  "shortages",
  "tracking_number",
  "paid_back",
  "settled_otherwise",
  "nothing_taken",
  "expire_time",
  "time_left",
  "unsubscribe_url",
] satisfies (keyof Variables)[];

export type Circumstances = {
  readonly language: Language;
  readonly name: string;
  readonly shopName: string;
  readonly shopUrl: string;
  readonly unsubscribeUrl: string;
  /** When the message was recorded. */
  readonly createTime: Date;
};

/** Formats facts in a language. Times are in UTC and say so. */
export function variablesOf(facts: OrderFacts, { language, createTime, ...rest }: Circumstances): Variables {
  const money = (amount: Amount | undefined) => (amount === undefined ? "" : moneyText(amount, language));
  const titles = new Map(facts.lines.map(({ productId, title }) => [productId, title]));
  return {
    language,
    shop_name: rest.shopName,
    shop_url: rest.shopUrl,
    customer_name: mailName(rest.name),
    order_id: facts.orderId,
    cart_id: facts.cartId,
    cart_name: mailName(facts.cartName),
    has_cart: facts.hasCart,
    lines: facts.lines.map(({ title, quantity, unitPrice }) => ({
      title,
      quantity,
      unit_price: money(unitPrice),
      price: unitPrice === undefined ? "" : moneyText(multiply(unitPrice, quantity), language),
    })),
    total: money(facts.total),
    reason: facts.reason,
    detail: facts.detail,
    dispute_id: facts.disputeId,
    shortages: facts.shortages.map(({ productId, requested, available }) => ({
      title: titles.get(productId) ?? productId,
      requested,
      available,
    })),
    tracking_number: facts.trackingNumber,
    paid_back: money(facts.payBack?.paidBack),
    settled_otherwise: money(facts.payBack?.settledOtherwise),
    nothing_taken:
      facts.payBack !== undefined &&
      facts.payBack.paidBack === undefined &&
      facts.payBack.settledOtherwise === undefined,
    expire_time: facts.expireTime === undefined ? "" : timeText(facts.expireTime, language),
    time_left:
      facts.expireTime === undefined ? "" : spanText(facts.expireTime.getTime() - createTime.getTime(), language),
    unsubscribe_url: rest.unsubscribeUrl,
  };
}

/** Formats money in a language: €1,299.98 or 1.299,98 €. Exact: the digits are passed as a string. */
export function moneyText(amount: Amount, language: Language): string {
  const digits = decimalsToShow(amount.currencyCode);
  const format = new Intl.NumberFormat(language, {
    style: "currency",
    currency: amount.currencyCode,
    // Intl's own would round 12.34 HUF to 12.
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // The string has the digits of a number.
  return format.format(decimalText(amount) as `${number}`).replaceAll(/[\u00a0\u202f]/g, " ");
}

function timeText(time: Date, language: Language): string {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  return `${format.format(time).replaceAll("\u202f", " ")} UTC`;
}

/** Formats a duration with its two largest units. */
function spanText(ms: number, language: Language): string {
  const minutes = Math.max(1, Math.floor(ms / 60_000));
  const units = [
    ["day", Math.floor(minutes / 1_440)],
    ["hour", Math.floor(minutes / 60) % 24],
    ["minute", minutes % 60],
  ] as const;
  const largest = units.findIndex(([, count]) => count > 0);
  const texts = units
    .slice(largest, largest + 2)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) =>
      new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count),
    );
  return new Intl.ListFormat(language, { style: "long", type: "conjunction" }).format(texts);
}
