import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type Money, MoneySchema } from "@sagacart/proto/type/v1/money";
import { decimalsToShow, isoDecimals } from "./currencies.ts";
import { DomainError, defineReasons } from "./errors.ts";

/** An exact amount: whole minor units (cents for EUR) of one currency (ISO 4217). Each Money is one. */
export type Amount = { readonly currencyCode: string; readonly minorUnits: bigint };

export const moneyReasons = defineReasons({
  CURRENCY_MISMATCH: Code.FailedPrecondition,
  MONEY_OUT_OF_RANGE: Code.OutOfRange,
  BAD_AMOUNT: Code.InvalidArgument,
});

/** Multiplies a price by a whole number of pieces. */
export function multiply(price: Amount, quantity: number): Money {
  return money(price.currencyCode, price.minorUnits * BigInt(quantity));
}

/** Returns the currency of all amounts. Throws CURRENCY_MISMATCH if they differ. */
export function sameCurrency(first: Amount, ...others: readonly Amount[]): string {
  const other = others.find(({ currencyCode }) => currencyCode !== first.currencyCode);
  if (other !== undefined) {
    const currencies = { first: first.currencyCode, second: other.currencyCode };
    const message = `${currencies.first} and ${currencies.second} cannot be put together`;
    throw new DomainError(moneyReasons, "CURRENCY_MISMATCH", message, currencies);
  }
  return first.currencyCode;
}

/** Formats an amount for people: `12.34 EUR`, `-0.05 EUR`, `1200 JPY`. */
export function formatMoney(amount: Amount): string {
  return `${decimalText(amount)} ${amount.currencyCode}`;
}

/** Parses `12`, `12.3` or `-12.34`. Throws BAD_AMOUNT for more decimals than the currency has, or another format. */
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

/** Returns a currency's number of decimals by ISO 4217. Throws BAD_AMOUNT for a code that is no current currency. */
export function decimalsOf(currencyCode: string): number {
  const decimals = isoDecimals(currencyCode);
  if (decimals === undefined) {
    const message = `${JSON.stringify(currencyCode)} is not a current currency of ISO 4217`;
    throw new DomainError(moneyReasons, "BAD_AMOUNT", message, { currency_code: currencyCode });
  }
  return decimals;
}

/** Returns an amount's digits, with all decimals of its currency: `12.34`, `-0.05`, `1200`. */
export function decimalText({ currencyCode, minorUnits }: Amount): string {
  const decimals = decimalsToShow(currencyCode);
  const digits = (minorUnits < 0n ? -minorUnits : minorUnits).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const rest = decimals === 0 ? "" : `.${digits.slice(-decimals)}`;
  return `${minorUnits < 0n ? "-" : ""}${whole}${rest}`;
}

const largest = 2n ** 63n - 1n;

function money(currencyCode: string, minorUnits: bigint): Money {
  if (minorUnits > largest || minorUnits < -largest) {
    const message = `${minorUnits} minor units of ${currencyCode} do not fit 64 bits`;
    throw new DomainError(moneyReasons, "MONEY_OUT_OF_RANGE", message, { currency_code: currencyCode });
  }
  return create(MoneySchema, { currencyCode, minorUnits });
}
