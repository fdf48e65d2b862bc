import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { failureOf } from "../rpc/failure.ts";
import { amountText, parseAmount, readAmount } from "./amount.ts";
import { PageError } from "./page-error.ts";

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
  expect(parseAmount(text, currency, "en")).toBe(minorUnits);
  expect(parseAmount(amountText(minorUnits, currency, "en"), currency, "en")).toBe(minorUnits);
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
  expect(parseAmount(text, currency, "en")).toBeUndefined();
  expect(() => readAmount(text, currency, "en")).toThrow(ConnectError);
});

test.each([
  ["12,50", "EUR", 1250n],
  [" 0,01 ", "EUR", 1n],
  ["500", "JPY", 500n],
  ["1,234", "KWD", 1234n],
])("in German, %s in %s is %d minor units", (text, currency, minorUnits) => {
  expect(parseAmount(text, currency, "de")).toBe(minorUnits);
  expect(parseAmount(amountText(minorUnits, currency, "de"), currency, "de")).toBe(minorUnits);
});

test.each(["12.50", "1.234,50", "1,2,3", ",5", "5,", "-1"])("in German, %j is not an amount", (text) => {
  expect(parseAmount(text, "EUR", "de")).toBeUndefined();
});

test.each([
  ["en", '"1,50" is not an amount in EUR: write it like 12.50'],
  ["de", "„1,50“ ist kein Betrag in EUR: Schreiben Sie ihn wie 12.50"],
] as const)(
  "the sentence about what is not an amount is in the language of the page, here %s",
  (language, sentence) => {
    const error = thrownBy(() => readAmount("1,50", "EUR", "en"));
    expect(failureOf(PageError.in(language, error))).toMatchObject({ code: Code.InvalidArgument, message: sentence });
  },
);

test("errors of services stay as they are in each language", () => {
  const error = new ConnectError("no such account", Code.NotFound);
  expect(PageError.in("de", error)).toBe(error);
  expect(PageError.in("de", undefined)).toBeUndefined();
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
