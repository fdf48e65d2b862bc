import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { appendEvents } from "@sagacart/outbox/events/append";
import { type Account, accountKey } from "../accounts/account.ts";
import { findCustomers, lockAccounts } from "../accounts/account-store.ts";
import type { Entry, Ledger } from "../ledger/ledger.ts";
import { type ChargeContent, needsProvider, paymentEvent, type State } from "./payment.ts";
import type { NewPayment } from "./payment-store.ts";
import { ledgerEntry } from "./pending-writes.ts";

/** A payment with its outcome, and the account that pays it, if it is paid from a balance. */
export type Decided = { readonly payment: NewPayment; readonly account: Account | undefined };

/** A payment without an id and an outcome. */
export type Wanted = Pick<NewPayment, "order" | "reference"> & { readonly charge: ChargeContent };

/**
 * Locks the accounts that pay, and returns a function that decides about one charge after the other: the first charges
 * use up a balance.
 */
export async function startCharging(
  tx: Transaction,
  charges: readonly ChargeContent[],
): Promise<(wanted: Wanted, firstAskMs: number) => Decided> {
  const byBalance = charges.filter(({ paymentMethod, amountMinor }) => paymentMethod === "" && amountMinor > 0n);
  const accounts = await lockAccounts(tx, byBalance);
  const left = new Map([...accounts].map(([key, { balanceMinor }]) => [key, balanceMinor]));
  const withOtherCurrency = await findCustomers(
    tx,
    byBalance.filter((charge) => !accounts.has(accountKey(charge))).map(({ customerId }) => customerId),
  );

  function decide(charge: ChargeContent): { state: State; declineReason: string } {
    if (needsProvider(charge)) {
      return { state: "PENDING", declineReason: "" };
    }
    if (charge.amountMinor === 0n) {
      return { state: "CAPTURED", declineReason: "" };
    }
    const balanceMinor = left.get(accountKey(charge));
    if (balanceMinor === undefined) {
      const declineReason = withOtherCurrency.has(charge.customerId) ? "currency_mismatch" : "no_account";
      return { state: "DECLINED", declineReason };
    }
    if (balanceMinor < charge.amountMinor) {
      return { state: "DECLINED", declineReason: "insufficient_funds" };
    }
    left.set(accountKey(charge), balanceMinor - charge.amountMinor);
    return { state: "CAPTURED", declineReason: "" };
  }

  return (wanted, firstAskMs) => {
    const { state, declineReason } = decide(wanted.charge);
    const askInMs = state === "PENDING" ? firstAskMs : null;
    const payment = { ...wanted, id: uuidv7(), state, declineReason, askInMs };
    return { payment, account: accounts.get(accountKey(wanted.charge)) };
  };
}

/** Writes the journal entries of captured payments, and the events of all that are settled. */
export async function writeCharges(tx: Transaction, ledger: Ledger, decided: readonly Decided[]): Promise<void> {
  const entries = decided.flatMap(({ payment, account }): Entry[] => {
    const amountMinor = payment.charge?.amountMinor ?? 0n;
    return payment.state === "CAPTURED" && account !== undefined && amountMinor > 0n
      ? [ledgerEntry(payment, "charge", account.id, amountMinor)]
      : [];
  });
  await ledger.post(tx, entries);
  const events = decided.flatMap(({ payment: { order, state, ...payment } }) =>
    state === "PENDING"
      ? []
      : [paymentEvent({ ...payment, orderId: order?.orderId ?? "", attempt: order?.attempt ?? 0 }, state, 1n)],
  );
  await appendEvents(tx, events);
}
