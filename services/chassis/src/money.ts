import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type Money, MoneySchema } from "@sagacart/proto/type/v1/money";
import { DomainError, defineReasons } from "./errors.ts";

/** An exact sum: whole minor units (cents for EUR) of one currency (ISO 4217). Every Money is one. */
export type Amount = { readonly currencyCode: string; readonly minorUnits: bigint };

/** The currency that ISO 4217 reserves for tests. Amounts in it are no customer's: the shop tests itself with them. */
export const testCurrency = "XTS";

export const moneyReasons = defineReasons({
  CURRENCY_MISMATCH: Code.FailedPrecondition,
  MONEY_OUT_OF_RANGE: Code.OutOfRange,
  BAD_AMOUNT: Code.InvalidArgument,
});

/** A price times a whole number of pieces. */
export function multiply(price: Amount, quantity: number): Money {
  return money(price.currencyCode, price.minorUnits * BigInt(quantity));
}

/** The currency that all of them are in. Throws CURRENCY_MISMATCH when there are two, or none. */
export function sameCurrency(first: Amount, ...others: readonly Amount[]): string {
  const other = others.find(({ currencyCode }) => currencyCode !== first.currencyCode);
  if (other !== undefined) {
    const currencies = { first: first.currencyCode, second: other.currencyCode };
    const message = `${currencies.first} and ${currencies.second} cannot be put together`;
    throw new DomainError(moneyReasons, "CURRENCY_MISMATCH", message, currencies);
  }
  return first.currencyCode;
}

/** For people: `12.34 EUR`, `-0.05 EUR`, `1200 JPY`. */
export function formatMoney({ currencyCode, minorUnits }: Amount): string {
  const decimals = decimalsOf(currencyCode);
  const digits = (minorUnits < 0n ? -minorUnits : minorUnits).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const rest = decimals === 0 ? "" : `.${digits.slice(-decimals)}`;
  return `${minorUnits < 0n ? "-" : ""}${whole}${rest} ${currencyCode}`;
}

/** Reads `12`, `12.3` or `-12.34`. More decimals than the currency has, or anything else, throws BAD_AMOUNT. */
export function parseDecimal(decimal: string, currencyCode: string): Money {
  const decimals = decimalsOf(currencyCode);
  const parts = /^(-?)(\d{1,18})(?:\.(\d+))?$/.exec(decimal);
  const [, sign = "", whole = "", rest = ""] = parts ?? [];
  if (parts === null || rest.length > decimals) {
    const message = `${JSON.stringify(decimal)} is not an amount of ${currencyCode} with at most ${decimals} decimals`;
    throw new DomainError(moneyReasons, "BAD_AMOUNT", message, { amount: decimal, currency_code: currencyCode });
  }
  return money(currencyCode, BigInt(`${sign}${whole}${rest.padEnd(decimals, "0")}`));
}

/** How many decimals a currency has: 2 for EUR, 0 for JPY, 3 for KWD. Not a currency's code at all throws BAD_AMOUNT. */
export function decimalsOf(currencyCode: string): number {
  let decimals = known.get(currencyCode);
  if (decimals === undefined) {
    if (!/^[A-Z]{3}$/.test(currencyCode)) {
      const message = `${JSON.stringify(currencyCode)} is not a currency; a code is three capital letters`;
      throw new DomainError(moneyReasons, "BAD_AMOUNT", message, { currency_code: currencyCode });
    }
    const format = new Intl.NumberFormat("en", { style: "currency", currency: currencyCode });
    decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
    known.set(currencyCode, decimals);
  }
  return decimals;
}

// Three letters make at most 17,576 entries.
const known = new Map<string, number>();

const largest = 2n ** 63n - 1n;

function money(currencyCode: string, minorUnits: bigint): Money {
  if (minorUnits > largest || minorUnits < -largest) {
    const message = `${minorUnits} minor units of ${currencyCode} do not fit 64 bits`;
    throw new DomainError(moneyReasons, "MONEY_OUT_OF_RANGE", message, { currency_code: currencyCode });
  }
  return create(MoneySchema, { currencyCode, minorUnits });
}
