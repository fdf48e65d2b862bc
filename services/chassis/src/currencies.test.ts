import * as iso4217 from "dinero.js/currencies";
import { expect, test } from "vitest";
import { currentCurrencies, decimalsToShow, isoDecimals } from "./currencies.ts";
import { DomainError } from "./errors.ts";
import { decimalsOf, formatMoney, parseDecimal } from "./money.ts";

// ISO 4217, list one, as of 2026-01-01, by the number of decimals. Funds codes are in it; codes without minor units
// (gold, special drawing rights, XXX …) and the code for tests are not.
const none = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const two = `
  AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
  COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
  JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
  NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
  THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`;
const three = "BHD IQD JOD KWD LYD OMR TND";
const four = "CLF UYW";

const expected = [none, two, three, four]
  .flatMap((codes, index) => words(codes).map((code): [string, number] => [code, index === 0 ? 0 : index + 1]))
  .sort();

test("the current codes and their decimals are those of ISO 4217", () => {
  expect(currentCurrencies().map((code) => [code, isoDecimals(code)])).toEqual(expected);
});

test.each(expected)("an amount of %s is written and read with %d decimals", (currencyCode, decimals) => {
  const written = decimals === 0 ? "1234567" : `123.${"4567".slice(4 - decimals)}`;
  const minorUnits = BigInt(written.replace(".", ""));
  expect(formatMoney({ currencyCode, minorUnits })).toBe(`${written} ${currencyCode}`);
  expect(parseDecimal(written, currencyCode)).toMatchObject({ currencyCode, minorUnits });
  expect(() => parseDecimal(`1.${"1".repeat(decimals + 1)}`, currencyCode)).toThrow(DomainError);
});

test.each(
  words(`
    ANG BGN HRK LTL LVL EEK SKK SIT CYP MTL DEM FRF ITL CUC ZWL ZWD SLL STD MRO VEF VEB BYR TRL ROL GHC AZM
    XXX XAU XAG XPT XPD XDR XSU XUA XBA XBB XBC XBD ZZZ AAA BTC eur`),
)("%s is not a current currency", (code) => {
  expect(isoDecimals(code)).toBeUndefined();
  expect(() => decimalsOf(code)).toThrow(`${JSON.stringify(code)} is not a current currency`);
  expect(() => parseDecimal("1", code)).toThrow(DomainError);
});

test("an amount that was recorded in a currency since withdrawn is still shown", () => {
  expect(formatMoney({ currencyCode: "BGN", minorUnits: 1234n })).toBe("12.34 BGN");
  expect(decimalsToShow("ZZZ")).toBe(2);
});

test("a code is listed as withdrawn only while the package has it", () => {
  expect(Object.keys(iso4217)).toContain("BGN");
});

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
