import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { currencyDecimals } from "./currency-decimals.ts";
import type { Language } from "./language.tsx";

/** A timestamp's fields, without which a message is not needed to show one. */
type Moment = Pick<Timestamp, "seconds" | "nanos">;
type Amount = { readonly currencyCode: string; readonly minorUnits: bigint };

/** Formats an amount exactly, also above 2^53. A currency that the browser does not know is shown with its code. */
export function formatMoney({ currencyCode, minorUnits }: Amount, language: Language): string {
  const digits = currencyDecimals(currencyCode);
  const format = new Intl.NumberFormat(localeOf(language), {
    ...{ style: "currency", currency: currencyCode },
    ...{ minimumFractionDigits: digits, maximumFractionDigits: digits },
  });
  const sign = minorUnits < 0n ? "-" : "";
  const text = String(minorUnits < 0n ? -minorUnits : minorUnits).padStart(digits + 1, "0");
  const decimal = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  // As a string, so that no amount is rounded.
  return format.format(`${sign}${decimal}` as Intl.StringNumericLiteral);
}

export function formatTime(time: Moment, language: Language): string {
  return new Intl.DateTimeFormat(localeOf(language), { dateStyle: "medium", timeStyle: "medium" }).format(dateOf(time));
}

export function dateOf({ seconds, nanos }: Moment): Date {
  return new Date(Number(seconds) * 1_000 + nanos / 1_000_000);
}

/** Returns the browser's own variant of a language, such as `de-AT`, or else the language. */
export function localeOf(language: Language): string {
  const preferred = navigator.languages.find((tag) => tag.toLowerCase().split("-", 1)[0] === language);
  return preferred ?? language;
}
