import { testCurrency } from "@sagacart/chassis/money";
import type { Event } from "@sagacart/proto/event/v1/event";

/** Returns true for an event of an order in the test currency: the shop tests itself, and no customer is to notice. */
export function isSynthetic({ data }: Event): boolean {
  // Most events are told apart without parsing them.
  if (!data.includes(testCurrency)) {
    return false;
  }
  const { total } = Object(JSON.parse(data));
  return Object(total).currencyCode === testCurrency;
}
