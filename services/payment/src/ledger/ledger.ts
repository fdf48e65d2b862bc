import type { Actor } from "@sagacart/chassis/auth/actor";
import type { Transaction } from "@sagacart/chassis/postgres/pool";

/** The shop's own accounts. They keep no balance. */
export type SystemAccount =
  | "cash:deposits"
  | "sales"
  | "card:clearing"
  | "adjustments"
  | "disputes:open"
  | "disputes:lost"
  | "settled:by_hand";

/**
 * The kinds of entries, by what moved the money. `outside_refund`: a refund that the merchant made at the card provider.
 * `settled_by_hand`: a refund that an operator made another way, because the card provider refuses it.
 */
export type EntryKind =
  | "deposit"
  | "charge"
  | "refund"
  | "outside_refund"
  | "settled_by_hand"
  | "dispute_opened"
  | "dispute_won"
  | "dispute_lost"
  | "adjustment";

/** A movement of money: what `account` gains, `counter` loses. */
export type Entry = {
  readonly kind: EntryKind;
  /** Charges, refunds, disputes, and what was settled by hand: the payment's id. */
  readonly reference: string;
  readonly currency: string;
  /** A customer's account, which the caller has locked, or one of the shop. */
  readonly account: bigint | SystemAccount;
  readonly counter: SystemAccount;
  /** The amount that `account` gains, in minor units; negative for a loss, never zero. */
  readonly gainMinor: bigint;
};

export type Ledger = {
  /** Writes journal entries, and the new balances of the customers. `actor` is who moves the money by hand. */
  post(tx: Transaction, entries: readonly Entry[], actor?: Actor): Promise<void>;
};
