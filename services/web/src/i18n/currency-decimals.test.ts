// biome-ignore lint/plugin: a test, which runs in Node, compares with the table of the services.
import { currentCurrencies, isoDecimals } from "@sagacart/chassis/currencies";
import { expect, test } from "vitest";
import { amountText, parseAmount } from "../console/amount.ts";
import { currencyDecimals } from "./currency-decimals.ts";
import { formatMoney } from "./format.ts";

test("every current currency has the services' decimals", () => {
  const ours = currentCurrencies().map((code) => [code, currencyDecimals(code)]);
  expect(ours).toEqual(currentCurrencies().map((code) => [code, isoDecimals(code)]));
});

test.each(currentCurrencies())("an amount in %s is shown, written and read with the services' decimals", (code) => {
  const decimals = isoDecimals(code) ?? 0;
  const minorUnits = 1_234_567n;
  const [whole, fraction] = [String(minorUnits).slice(0, 7 - decimals), String(minorUnits).slice(7 - decimals)];
  const written = decimals === 0 ? whole : `${whole}.${fraction}`;

  const shown = formatMoney({ currencyCode: code, minorUnits }, "en").replaceAll(/[^\d.]/g, "");
  // Some currencies' own signs end with a dot.
  expect(shown.replace(/^\./, "")).toBe(written);
  expect(amountText(minorUnits, code, "en")).toBe(written);
  expect(amountText(minorUnits, code, "de")).toBe(written.replace(".", ","));
  expect(parseAmount(amountText(minorUnits, code, "en"), code, "en")).toBe(minorUnits);
  expect(parseAmount(amountText(minorUnits, code, "de"), code, "de")).toBe(minorUnits);
});
