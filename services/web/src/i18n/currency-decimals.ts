import exceptions from "virtual:currency-decimals";

/**
 * Returns the number of decimals by which the services count an amount: ISO 4217's, which is 2 for HUF and RSD. Not that of
 * Intl, which has CLDR's: the decimals that people still write. Minor units read by those are off by factors of 100.
 */
export function currencyDecimals(currencyCode: string): number {
  return exceptions[currencyCode] ?? 2;
}
