import { testCurrency } from "@sagacart/chassis/currencies";
import type { Event } from "@sagacart/proto/event/v1/event";

/** Returns true for an event of an order in the test currency, by which the shop tests itself. */
export function isSynthetic({ data }: Event): boolean {
  // Most events need not be parsed.
  if (!data.includes(testCurrency)) {
    return false;
  }
  const { total } = Object(JSON.parse(data));
  return Object(total).currencyCode === testCurrency;
}
