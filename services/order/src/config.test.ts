import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const env = { DATABASE_URL: "postgres://localhost/order" };

test("time spans have a unit", () => {
  const spans = { CART_EXPIRE_AFTER: "36h", CART_EXPIRE_GUESTS_AFTER: "15m", CART_REMIND_BEFORE: "30s" };
  expect(readConfig({ ...env, ...spans })).toMatchObject({
    CART_EXPIRE_AFTER: 129_600_000,
    CART_EXPIRE_GUESTS_AFTER: 900_000,
    CART_REMIND_BEFORE: 30_000,
  });
  expect(readConfig(env)).toMatchObject({ CART_EXPIRE_AFTER: 90 * 86_400_000, CART_REMIND_BEFORE: 7 * 86_400_000 });
});

test.each(["90", "0d", "-1d", "1w", "4000d", "1.5h", "d"])("%s is not a time span", (given) => {
  expect(() => readConfig({ ...env, CART_EXPIRE_AFTER: given })).toThrow(/CART_EXPIRE_AFTER must be a time span/);
});

test("the limits of what is held unpaid have defaults, and 0 is no limit", () => {
  expect(readConfig(env)).toMatchObject({
    PAY_WITHIN_AT_MOST: 86_400_000,
    UNPAID_ORDERS_PER_CUSTOMER: 10,
    UNPAID_UNITS_PER_CUSTOMER: 1_000,
  });
  const none = { UNPAID_ORDERS_PER_CUSTOMER: "0", UNPAID_UNITS_PER_CUSTOMER: "0" };
  expect(readConfig({ ...env, ...none })).toMatchObject({
    UNPAID_ORDERS_PER_CUSTOMER: 0,
    UNPAID_UNITS_PER_CUSTOMER: 0,
  });
});

test("what guests store within an hour is limited, and 0 is no limit", () => {
  expect(readConfig(env)).toMatchObject({
    ANONYMOUS_WRITES_PER_NETWORK_AND_HOUR: 1_000,
    ANONYMOUS_BYTES_PER_NETWORK_AND_HOUR: 2 * 1024 * 1024,
    ANONYMOUS_WRITES_PER_HOUR: 100_000,
    ANONYMOUS_BYTES_PER_HOUR: 128 * 1024 * 1024,
    ANONYMOUS_UNPAID_ORDERS_PER_NETWORK_AND_HOUR: 30,
    ANONYMOUS_UNPAID_UNITS_PER_NETWORK_AND_HOUR: 1_000,
  });
  expect(readConfig({ ...env, ANONYMOUS_BYTES_PER_HOUR: "0" })).toMatchObject({ ANONYMOUS_BYTES_PER_HOUR: 0 });
  expect(() => readConfig({ ...env, ANONYMOUS_BYTES_PER_HOUR: "-1" })).toThrow(/ANONYMOUS_BYTES_PER_HOUR/);
});

test("nobody may be given more time to pay than the contract allows", () => {
  expect(() => readConfig({ ...env, PAY_WITHIN_AT_MOST: "31d" })).toThrow(/PAY_WITHIN_AT_MOST must be at most 30d/);
});

test("a reminder must come before the expiry", () => {
  const equal = { CART_EXPIRE_AFTER: "7d", CART_REMIND_BEFORE: "7d" };
  expect(() => readConfig({ ...env, ...equal })).toThrow(/must be shorter/);
});
