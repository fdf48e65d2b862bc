import { type Amount, decimalText } from "@sagacart/chassis/money";

declare global {
  interface JSON {
    /** Makes a value that JSON.stringify writes as this text, which must be valid JSON. */
    rawJSON(text: string): object;
  }
}

/**
 * Returns an amount as a JSON number with all decimals of its currency: `1799.97`, `1500.00`. It is made from the digits of
 * the whole minor units, without floats; JSON.stringify writes it unchanged.
 */
export function price(amount: Amount): object {
  return JSON.rawJSON(decimalText(amount));
}
