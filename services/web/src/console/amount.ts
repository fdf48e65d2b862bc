import { currencyDecimals } from "../i18n/currency-decimals.ts";
import type { Language } from "../i18n/language.tsx";
import { PageError } from "./page-error.ts";
import { pageErrorTexts } from "./page-error-texts.ts";

/** The decimal separators. The other one is refused, since it could mean thousands. */
const separators: Readonly<Record<Language, string>> = { en: ".", de: "," };

/**
 * Reads an amount that a person typed, such as `12.50` in English, as minor units of a currency. Returns undefined for what is
 * not an exact amount of it: too many decimals, letters, a sign, or the separator of another language.
 */
export function parseAmount(text: string, currencyCode: string, language: Language): bigint | undefined {
  const [whole = "", fraction, ...more] = text.trim().split(separators[language]);
  const digits = digitsOf(currencyCode);
  const isExact = /^\d{1,15}$/.test(whole) && (fraction === undefined || /^\d+$/.test(fraction)) && more.length === 0;
  if (!isExact || digits === undefined || (fraction ?? "").length > digits) {
    return undefined;
  }
  return BigInt(`${whole}${(fraction ?? "").padEnd(digits, "0")}`);
}

/** Reads an amount as the services take it. Throws a sentence for the person who typed it. */
export function readAmount(
  text: string,
  currencyCode: string,
  language: Language,
): { currencyCode: string; minorUnits: bigint } {
  const minorUnits = parseAmount(text, currencyCode, language);
  if (minorUnits === undefined) {
    // Formatted by the language that it was read by, also if another is chosen meanwhile.
    const example = `12${separators[language]}50`;
    throw new PageError({
      en: pageErrorTexts.en.notAmount(text, currencyCode, example),
      de: pageErrorTexts.de.notAmount(text, currencyCode, example),
    });
  }
  return { currencyCode, minorUnits };
}

/** Writes minor units as parseAmount reads them. */
export function amountText(minorUnits: bigint, currencyCode: string, language: Language): string {
  const digits = digitsOf(currencyCode) ?? 2;
  const text = String(minorUnits).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}${separators[language]}${text.slice(-digits)}`;
}

function digitsOf(currencyCode: string): number | undefined {
  return /^[A-Z]{3}$/.test(currencyCode) ? currencyDecimals(currencyCode) : undefined;
}
