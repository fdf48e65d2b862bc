import { PageError } from "./page-error.ts";
import { pageErrorTexts } from "./page-error-texts.ts";

/** Reads a whole number that a person typed. Throws a sentence for them; the contract's encoding would throw one for us. */
export function readWholeNumber(text: string): number {
  const number = Number(text.trim());
  if (!/^-?\d{1,10}$/.test(text.trim()) || Math.abs(number) > mostWhole) {
    const { en, de } = pageErrorTexts;
    throw new PageError({ en: en.notWhole(text, "2,147,483,647"), de: de.notWhole(text, "2.147.483.647") });
  }
  return number;
}

/** The range of a field of type int32. */
const mostWhole = 2_147_483_647;

/** Reads a position in a feed that a person typed. */
export function readPosition(text: string): bigint {
  if (!/^\d{1,18}$/.test(text.trim())) {
    const { en, de } = pageErrorTexts;
    throw new PageError({ en: en.notPosition(text), de: de.notPosition(text) });
  }
  return BigInt(text.trim());
}
