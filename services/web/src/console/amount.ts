import { Code, ConnectError } from "@connectrpc/connect";
import { currencyDecimals } from "../i18n/currency-decimals.ts";

/**
 * Reads an amount that a person typed, such as `12.50`, as minor units of a currency. Returns undefined for what is not an
 * exact amount of it: too many decimals, letters, a sign, or a comma that could be either separator.
 */
export function parseAmount(text: string, currencyCode: string): bigint | undefined {
  const match = /^(\d{1,15})(?:\.(\d+))?$/.exec(text.trim());
  const digits = digitsOf(currencyCode);
  if (match === null || digits === undefined || (match[2] ?? "").length > digits) {
    return undefined;
  }
  return BigInt(`${match[1]}${(match[2] ?? "").padEnd(digits, "0")}`);
}

/** Reads an amount as the services take it. Throws a sentence for the person who typed it. */
export function readAmount(text: string, currencyCode: string): { currencyCode: string; minorUnits: bigint } {
  const minorUnits = parseAmount(text, currencyCode);
  if (minorUnits === undefined) {
    throw new ConnectError(
      `"${text}" is not an amount in ${currencyCode || "a currency"}: write it like 12.50`,
      Code.InvalidArgument,
    );
  }
  return { currencyCode, minorUnits };
}

/** Writes minor units as parseAmount reads them. */
export function amountText(minorUnits: bigint, currencyCode: string): string {
  const digits = digitsOf(currencyCode) ?? 2;
  const text = String(minorUnits).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function digitsOf(currencyCode: string): number | undefined {
  return /^[A-Z]{3}$/.test(currencyCode) ? currencyDecimals(currencyCode) : undefined;
}
