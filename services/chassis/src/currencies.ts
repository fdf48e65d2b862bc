import * as iso4217 from "dinero.js/currencies";

/** The currency that ISO 4217 reserves for tests. Amounts in it are no customer's: the shop tests itself with them. */
export const testCurrency = "XTS";

/**
 * Returns the number of decimals of a current currency by ISO 4217: 2 for EUR and HUF, 0 for JPY, 3 for KWD. Undefined for
 * codes that are none: withdrawn ones, and those without minor units, such as gold.
 *
 * CLDR, which Intl formats by, counts the decimals that people still write (0 for HUF), and is no table for amounts.
 */
export function isoDecimals(currencyCode: string): number | undefined {
  return decimals.get(currencyCode);
}

/**
 * Returns the decimals to show a recorded amount with. It may be in a currency that was withdrawn since: its decimals are
 * then CLDR's, the best there is for those.
 */
export function decimalsToShow(currencyCode: string): number {
  const current = decimals.get(currencyCode);
  if (current !== undefined) {
    return current;
  }
  const format = new Intl.NumberFormat("en", { style: "currency", currency: currencyCode });
  return format.resolvedOptions().maximumFractionDigits ?? 2;
}

/** Returns all current codes, sorted; not the test currency. */
export function currentCurrencies(): readonly string[] {
  return [...decimals.keys()].filter((code) => code !== testCurrency).sort();
}

/** Codes that the package still has, with the day on which ISO 4217 withdrew them. */
const withdrawn: ReadonlyMap<string, string> = new Map([["BGN", "2026-01-01"]]);

const decimals: ReadonlyMap<string, number> = new Map([
  // The package counts the fifths of an ariary and an ouguiya; ISO 4217 gives both two decimals.
  ...Object.values(iso4217)
    .filter(({ code }) => !withdrawn.has(code))
    .map(({ code, base, exponent }) => [code, base === 10 ? exponent : 2] as const),
  [testCurrency, 2] as const,
]);
