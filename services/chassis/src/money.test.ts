import { expect, test } from "vitest";
import { DomainError } from "./errors.ts";
import { type Amount, decimalsOf, formatMoney, multiply, parseDecimal, sameCurrency } from "./money.ts";

const eur = (minorUnits: bigint): Amount => ({ currencyCode: "EUR", minorUnits });
const usd = (minorUnits: bigint): Amount => ({ currencyCode: "USD", minorUnits });

test("a price is multiplied exactly", () => {
  expect(multiply(eur(333n), 3)).toMatchObject(eur(999n));
});

test("an amount is a message of the contract", () => {
  expect(multiply(eur(1n), 1).$typeName).toBe("sagacart.type.v1.Money");
});

test("amounts of two currencies cannot be put together", () => {
  expect(reasonOf(() => sameCurrency(eur(1n), eur(1n), usd(1n)))).toEqual([
    "CURRENCY_MISMATCH",
    "EUR and USD cannot be put together",
    { first: "EUR", second: "USD" },
  ]);
});

test("an amount that does not fit 64 bits throws", () => {
  expect(multiply(eur(2n ** 63n - 1n), 1)).toMatchObject(eur(2n ** 63n - 1n));
  expect(reasonOf(() => multiply(eur(2n ** 62n), 2))).toEqual([
    "MONEY_OUT_OF_RANGE",
    "9223372036854775808 minor units of EUR do not fit 64 bits",
    { currency_code: "EUR" },
  ]);
});

test("multiplying by a fraction throws", () => {
  expect(() => multiply(eur(100n), 0.5)).toThrow(RangeError);
});

test.each([
  ["EUR", 1234n, "12.34 EUR"],
  ["EUR", 5n, "0.05 EUR"],
  ["EUR", -5n, "-0.05 EUR"],
  ["EUR", 0n, "0.00 EUR"],
  ["JPY", 1200n, "1200 JPY"],
  ["JPY", -1n, "-1 JPY"],
  ["KWD", 1234n, "1.234 KWD"],
  ["EUR", 9_007_199_254_740_993n, "90071992547409.93 EUR"],
])("%s %d is written %s", (currencyCode, minorUnits, written) => {
  expect(formatMoney({ currencyCode, minorUnits })).toBe(written);
});

test.each([
  ["12", "EUR", 1200n],
  ["12.3", "EUR", 1230n],
  ["-12.34", "EUR", -1234n],
  ["-0.05", "EUR", -5n],
  ["1200", "JPY", 1200n],
  ["0.001", "KWD", 1n],
])("%s of %s is read as %d", (decimal, currencyCode, minorUnits) => {
  expect(parseDecimal(decimal, currencyCode)).toMatchObject({ currencyCode, minorUnits });
});

test.each([
  ["1.234", "EUR"],
  ["1.0", "JPY"],
  ["1,5", "EUR"],
  ["1.", "EUR"],
  [".5", "EUR"],
  ["", "EUR"],
  ["1e3", "EUR"],
  ["+1", "EUR"],
  ["1 ", "EUR"],
])("%j is not an amount of %s", (decimal, currencyCode) => {
  expect(reasonOf(() => parseDecimal(decimal, currencyCode))[0]).toBe("BAD_AMOUNT");
});

test("an invalid currency is refused", () => {
  expect(reasonOf(() => decimalsOf("euro"))).toEqual([
    "BAD_AMOUNT",
    '"euro" is not a current currency of ISO 4217',
    { currency_code: "euro" },
  ]);
});

function reasonOf(fn: () => unknown): unknown[] {
  try {
    fn();
    return [];
  } catch (error) {
    return error instanceof DomainError ? [error.reason, error.message, error.metadata] : [error];
  }
}
