import type { JournalLine } from "@sagacart/proto/payment/v1/account";

type Line = Pick<JournalLine, "account" | "amount">;
type Money = { readonly currencyCode: string; readonly minorUnits: bigint };

/** Returns how much an entry moved, by currency: the sum of what its accounts gained. */
export function amountsMoved(lines: readonly Line[]): readonly Money[] {
  const sums = new Map<string, bigint>();
  for (const { amount } of lines) {
    if (amount !== undefined && amount.minorUnits > 0n) {
      sums.set(amount.currencyCode, (sums.get(amount.currencyCode) ?? 0n) + amount.minorUnits);
    }
  }
  return [...sums].map(([currencyCode, minorUnits]) => ({ currencyCode, minorUnits }));
}

/** Returns a line of each account that lost money, for a sign of -1, or gained it, for a sign of 1. */
export function linesOf<L extends Line>(lines: readonly L[], sign: 1n | -1n): readonly L[] {
  const moved = lines.filter(({ amount }) => (amount?.minorUnits ?? 0n) * sign > 0n);
  return [...new Map(moved.map((line) => [`${line.account.case} ${line.account.value}`, line])).values()];
}
