import type { Actor } from "@sagacart/proto/type/v1/actor";

/** A customer's account as it is stored. */
export type Account = {
  readonly id: bigint;
  readonly customerId: string;
  readonly currency: string;
  readonly balanceMinor: bigint;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** A posting of a journal entry to an account. */
export type Posting = {
  readonly entryId: string;
  readonly line: number;
  readonly kind: string;
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly createTime: Date;
  /** The person or program that moved the money by hand. */
  readonly actor: Actor | undefined;
};

export type AccountKey = { readonly customerId: string; readonly currency: string };

/** A map's key for an account. It is unique, since no id has a space. */
export function accountKey({ customerId, currency }: AccountKey): string {
  return `${customerId} ${currency}`;
}

/** The most that a deposit may raise a balance to: 10^15 minor units, the limit of every amount. */
export const balanceLimitMinor = 10n ** 15n;
