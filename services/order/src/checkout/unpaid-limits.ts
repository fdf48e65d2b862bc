import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

/** Limits of stock that is held for orders that are not paid: nothing else keeps a customer from holding all of it. */
export type UnpaidLimits = {
  /** The longest time that a checkout may ask for to pay. */
  readonly payWithinMs: number;
  /** The most orders of one customer that wait for payment. 0: no limit. */
  readonly orders: number;
  /** The most units in those orders. 0: no limit. */
  readonly units: number;
};

/** The contract's 30 days, and no other limit. */
export const unlimitedUnpaid: UnpaidLimits = { payWithinMs: 30 * 86_400_000, orders: 0, units: 0 };

/** The unpaid orders and units of one customer. */
export type Unpaid = { readonly orders: number; readonly units: number };

const defaultMs = 30 * 60_000;

/** Returns the time to pay in ms: half an hour where none is asked for. Throws PAY_WITHIN_TOO_LONG. */
export function payWithinMs(asked: Duration | undefined, { payWithinMs: mostMs }: UnpaidLimits): number {
  if (asked === undefined) {
    return Math.min(defaultMs, mostMs);
  }
  const ms = durationMs(asked);
  if (ms > mostMs) {
    const most = `${mostMs / 1_000}`;
    const message = `pay_within is ${ms / 1_000} s, and this shop waits at most ${most} s`;
    throw new DomainError(reasons, "PAY_WITHIN_TOO_LONG", message, { field: "pay_within", max_seconds: most });
  }
  return ms;
}

/** Returns UNPAID_LIMIT if a customer who holds `unpaid` may not hold `more`, too. */
export function unpaidLimit(
  customerId: string,
  { unpaid, more, limits }: { unpaid: Unpaid; more: Unpaid; limits: UnpaidLimits },
): DomainError | undefined {
  const over = (["orders", "units"] as const).find(
    (kind) => limits[kind] > 0 && unpaid[kind] + more[kind] > limits[kind],
  );
  if (over === undefined) {
    return undefined;
  }
  const message =
    `customer ${customerId} has ${unpaid[over]} unpaid ${over}, and ${more[over]} more would exceed the limit of ` +
    `${limits[over]}; pay or cancel an order first`;
  const metadata = { customer_id: customerId, limit: `unpaid_${over}`, max: `${limits[over]}` };
  return new DomainError(reasons, "UNPAID_LIMIT", message, metadata);
}
