import { ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { amountText, parseAmount, readAmount } from "./amount.ts";

test.each([
  ["12.50", "USD", 1250n],
  ["12.5", "USD", 1250n],
  ["12", "USD", 1200n],
  [" 0.01 ", "EUR", 1n],
  ["0", "EUR", 0n],
  ["500", "JPY", 500n],
  ["1.234", "KWD", 1234n],
  ["125.50", "RSD", 12550n],
  ["0.001", "IQD", 1n],
  ["999999999999.99", "USD", 99999999999999n],
])("%s in %s is %d minor units", (text, currency, minorUnits) => {
  expect(parseAmount(text, currency)).toBe(minorUnits);
  expect(parseAmount(amountText(minorUnits, currency), currency)).toBe(minorUnits);
});

test.each([
  ["12.505", "USD"],
  ["1.5", "JPY"],
  ["1,50", "EUR"],
  ["1.234,50", "EUR"],
  ["-1", "USD"],
  ["+1", "USD"],
  ["1e3", "USD"],
  ["", "USD"],
  [".5", "USD"],
  ["5.", "USD"],
  ["0x10", "USD"],
  ["1", "usd"],
  ["1", ""],
  ["12345678901234567890", "USD"],
])("%j in %j is not an amount, which is said in a sentence", (text, currency) => {
  expect(parseAmount(text, currency)).toBeUndefined();
  expect(() => readAmount(text, currency)).toThrow(ConnectError);
});
