import { currentCurrencies, isoDecimals } from "@sagacart/chassis/currencies";
import type { Plugin } from "vite";

const name = "virtual:currency-decimals";

/**
 * Serves the decimals of the services' currencies, of which most have two: only the others are in the module, so that the
 * first load does not carry the whole table. The services count by ISO 4217, and a browser's Intl by CLDR, which differs.
 */
export function currencyDecimals(): Plugin {
  return {
    name: "sagacart-currency-decimals",
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => (id === `\0${name}` ? `export default ${JSON.stringify(exceptions())};` : undefined),
  };
}

/** Returns the decimals of each current currency that does not have two. */
function exceptions(): Record<string, number> {
  const all = currentCurrencies().map((code) => [code, isoDecimals(code) ?? 2] as const);
  return Object.fromEntries(all.filter(([, decimals]) => decimals !== 2));
}
