import {
  ConfigError,
  durationMs,
  type Env,
  int,
  type Parser,
  readEnv,
  serviceEnv,
  text,
} from "@sagacart/chassis/process/config";

/** Reads this service's environment. Throws ConfigError. */
export function readConfig(env: Env) {
  const config = readEnv(
    {
      ...serviceEnv(8081),
      /** The address of the stock service, which quotes products. */
      STOCK_ADDRESS: text({ default: "127.0.0.1:8082" }),
      /** The address of the payment service, whose events tell of refunds and disputes. */
      PAYMENT_ADDRESS: text({ default: "127.0.0.1:8083" }),
      /** The address of identity, whose feed tells which users were deleted. */
      IDENTITY_ADDRESS: text({ default: "127.0.0.1:8086" }),
      /** How long after a user's deletion the personal data here is deleted: longer than calls and transactions last. */
      ERASURE_SETTLE_MS: durationMs(30_000),
      /** The time without changes after which a customer's cart expires. A new cart is first checked after an hour. */
      CART_EXPIRE_AFTER: span("90d"),
      /** The time without changes after which a guest's cart expires. */
      CART_EXPIRE_GUESTS_AFTER: span("30d"),
      /** The time from the sagacart.cart.expiring.v1 event, which reminds the customer, to the end of the cart. */
      CART_REMIND_BEFORE: span("7d"),
      /** The longest time that a checkout may ask for to pay later, while its stock is held; at most 30d. */
      PAY_WITHIN_AT_MOST: span("1d"),
      /** The most orders of one customer that wait for payment and hold stock. 0: no limit. */
      UNPAID_ORDERS_PER_CUSTOMER: int({ min: 0, max: 1_000_000, default: 10 }),
      /** The most units in those orders. 0: no limit. */
      UNPAID_UNITS_PER_CUSTOMER: int({ min: 0, max: 1_000_000_000, default: 1_000 }),
      /** The writes of guests from one network within an hour: carts, changes of carts, checkouts, payments. 0: no limit. */
      ANONYMOUS_WRITES_PER_NETWORK_AND_HOUR: int({ min: 0, max: 1_000_000_000, default: 1_000 }),
      /** The bytes that these store, about. A cart of two products takes 1.4 kB. 0: no limit. */
      ANONYMOUS_BYTES_PER_NETWORK_AND_HOUR: int({ min: 0, max: 1_000_000_000_000, default: 2_097_152 }),
      /** The writes of all guests within an hour. 0: no limit. */
      ANONYMOUS_WRITES_PER_HOUR: int({ min: 0, max: 1_000_000_000, default: 100_000 }),
      /** The bytes that these store, about. 0: no limit. */
      ANONYMOUS_BYTES_PER_HOUR: int({ min: 0, max: 1_000_000_000_000, default: 134_217_728 }),
      /** The orders that guests on one network may leave to be paid later within an hour. 0: no limit. */
      ANONYMOUS_UNPAID_ORDERS_PER_NETWORK_AND_HOUR: int({ min: 0, max: 1_000_000, default: 30 }),
      /** The units in those orders. 0: no limit. */
      ANONYMOUS_UNPAID_UNITS_PER_NETWORK_AND_HOUR: int({ min: 0, max: 1_000_000_000, default: 1_000 }),
    },
    env,
  );
  if (config.CART_REMIND_BEFORE >= config.CART_EXPIRE_AFTER) {
    throw new ConfigError(["CART_REMIND_BEFORE must be shorter than CART_EXPIRE_AFTER"]);
  }
  if (config.PAY_WITHIN_AT_MOST > 30 * dayMs) {
    throw new ConfigError(["PAY_WITHIN_AT_MOST must be at most 30d, as the contract says"]);
  }
  return config;
}

/** Parses a time span such as `90d`, `36h`, `15m` or `30s`, at most ten years, into milliseconds. */
function span(fallback: string): Parser<number> {
  return (value) => {
    const given = value ?? fallback;
    const [, count = "", unit = ""] = /^(\d{1,9})([dhms])$/.exec(given) ?? [];
    const ms = Number(count) * (unitMs.get(unit) ?? Number.NaN);
    if (!(ms > 0 && ms <= tenYearsMs)) {
      throw new Error(`must be a time span such as 90d, 36h, 15m or 30s, at most 3650d, got ${JSON.stringify(given)}`);
    }
    return ms;
  };
}

const dayMs = 86_400_000;
const tenYearsMs = 3_650 * dayMs;
const unitMs: ReadonlyMap<string, number> = new Map([
  ["d", dayMs],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
]);
