/** A customer's account as it is stored. */
export type Account = {
  readonly id: bigint;
  readonly customerId: string;
  readonly currency: string;
  readonly balanceMinor: bigint;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** A line of an account's ledger. */
export type Posting = {
  readonly entryId: string;
  readonly line: number;
  readonly kind: string;
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly createTime: Date;
};

export type AccountKey = { readonly customerId: string; readonly currency: string };

/** Accounts by whose they are and in which currency: no id has a space. */
export function accountKey({ customerId, currency }: AccountKey): string {
  return `${customerId} ${currency}`;
}

/** The most that deposits may bring a balance to: 10^15 minor units, as every amount of money. */
export const balanceLimitMinor = 10n ** 15n;
