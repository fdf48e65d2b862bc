import { type Amount, decimalsOf, multiply } from "@sagacart/chassis/money";
import type { OrderFacts } from "../intake/order-event.ts";
import type { Language } from "../messages/kind.ts";

/** What templates can say: texts ready to be shown. What is not known is "", and a list then is empty. */
export type Variables = {
  readonly language: Language;
  readonly shop_name: string;
  readonly shop_url: string;
  readonly customer_name: string;
  readonly order_id: string;
  readonly cart_id: string;
  readonly cart_name: string;
  readonly lines: readonly {
    readonly title: string;
    readonly quantity: number;
    readonly unit_price: string;
    readonly price: string;
  }[];
  /** The order's sum; of a refund, what was refunded. */
  readonly total: string;
  /** A code, such as OUT_OF_STOCK. */
  readonly reason: string;
  /** A code or a text of whoever refused, such as insufficient_funds. */
  readonly detail: string;
  readonly shortages: readonly { readonly title: string; readonly requested: number; readonly available: number }[];
  readonly tracking_number: string;
  readonly expire_time: string;
  /** Until expire_time, from when the message was made. */
  readonly time_left: string;
  /** "" where it cannot be turned off. */
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
  "lines",
  "total",
  "reason",
  "detail",
  "shortages",
  "tracking_number",
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
  /** When the message was made. */
  readonly createTime: Date;
};

/** Puts what happened into words of a language. Times are UTC, and say so. */
export function variablesOf(facts: OrderFacts, { language, createTime, ...rest }: Circumstances): Variables {
  const titles = new Map(facts.lines.map(({ productId, title }) => [productId, title]));
  return {
    language,
    shop_name: rest.shopName,
    shop_url: rest.shopUrl,
    customer_name: rest.name,
    order_id: facts.orderId,
    cart_id: facts.cartId,
    cart_name: facts.cartName,
    lines: facts.lines.map(({ title, quantity, unitPrice }) => ({
      title,
      quantity,
      unit_price: unitPrice === undefined ? "" : moneyText(unitPrice, language),
      price: unitPrice === undefined ? "" : moneyText(multiply(unitPrice, quantity), language),
    })),
    total: facts.total === undefined ? "" : moneyText(facts.total, language),
    reason: facts.reason,
    detail: facts.detail,
    shortages: facts.shortages.map(({ productId, requested, available }) => ({
      title: titles.get(productId) ?? productId,
      requested,
      available,
    })),
    tracking_number: facts.trackingNumber,
    expire_time: facts.expireTime === undefined ? "" : timeText(facts.expireTime, language),
    time_left:
      facts.expireTime === undefined ? "" : spanText(facts.expireTime.getTime() - createTime.getTime(), language),
    unsubscribe_url: rest.unsubscribeUrl,
  };
}

/** As the language writes it: €1,299.98, 1.299,98 €. Exact: the number goes in as its digits. */
export function moneyText({ currencyCode, minorUnits }: Amount, language: Language): string {
  const decimals = decimalsOf(currencyCode);
  const digits = (minorUnits < 0n ? -minorUnits : minorUnits).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const decimal = `${minorUnits < 0n ? "-" : ""}${whole}${decimals === 0 ? "" : `.${digits.slice(-decimals)}`}`;
  const format = new Intl.NumberFormat(language, { style: "currency", currency: currencyCode });
  // It is a number's digits, as was just made sure.
  return format.format(decimal as `${number}`).replaceAll(/[\u00a0\u202f]/g, " ");
}

function timeText(time: Date, language: Language): string {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  return `${format.format(time).replaceAll("\u202f", " ")} UTC`;
}

/** The two largest units: nobody counts the minutes of three days. */
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
