import { type Amount, formatMoney } from "@sagacart/chassis/money";

declare global {
  interface JSON {
    /** What JSON.stringify writes as it is; the text must be JSON of its own. */
    rawJSON(text: string): object;
  }
}

/**
 * A sum as a JSON number with all the decimals of its currency: `1799.97`, `1500.00`. The point is set between the
 * digits of the whole minor units, so that no float is ever near it; JSON.stringify writes it as it stands.
 */
export function price(amount: Amount): object {
  const [decimal = ""] = formatMoney(amount).split(" ");
  return JSON.rawJSON(decimal);
}
