import { expect, test } from "vitest";
import { formatMoney } from "./format.ts";
import { languageOf } from "./language.tsx";

// The space before a currency is one that does not break.
const plain = (text: string) => text.replaceAll(/\s/g, " ");

test.each([
  ["USD", 149_999n, "$1,499.99", "1.499,99 $"],
  ["EUR", 5n, "€0.05", "0,05 €"],
  ["JPY", 1_500n, "¥1,500", "1.500 ¥"],
  ["RSD", 12_550n, "RSD 125.50", "125,50 RSD"],
  ["IQD", 12_550n, "IQD 12.550", "12,550 IQD"],
  ["KWD", 1_005n, "KWD 1.005", "1,005 KWD"],
  ["USD", -250n, "-$2.50", "-2,50 $"],
  ["USD", 0n, "$0.00", "0,00 $"],
  // Not exact as a number.
  ["USD", 900_719_925_474_099_301n, "$9,007,199,254,740,993.01", "9.007.199.254.740.993,01 $"],
])("%s %d minor units", (currencyCode, minorUnits, en, de) => {
  expect(plain(formatMoney({ currencyCode, minorUnits }, "en"))).toBe(en);
  expect(plain(formatMoney({ currencyCode, minorUnits }, "de"))).toBe(de);
});

test.each([
  [null, ["de-AT", "en"], "de"],
  [null, ["fr", "de"], "de"],
  [null, ["fr"], "en"],
  [null, [], "en"],
  ["en", ["de"], "en"],
  ["de", ["en"], "de"],
  ["klingon", ["de"], "de"],
] as const)("with %j chosen and %j accepted, the language is %s", (chosen, accepted, language) => {
  expect(languageOf(chosen, accepted)).toBe(language);
});
