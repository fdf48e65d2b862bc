import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type NewCommand, recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents, type NewEvent } from "@sagacart/outbox/events/append";
import type { Entry, Ledger } from "../ledger/ledger.ts";
import type { Refund } from "../refunds/refund.ts";
import { insertRefunds, type NewRefund, type RefundChange, updateRefunds } from "../refunds/refund-store.ts";
import { type Payment, paymentEvent, refundedEvent, type State } from "./payment.ts";
import { type Change, updatePayments } from "./payment-store.ts";

/** The writes of one transaction about payments that it has locked, collected to be made all at once. */
export type PendingWrites = {
  readonly changes: Map<string, Change>;
  readonly entries: Entry[];
  readonly events: NewEvent[];
  readonly newRefunds: NewRefund[];
  readonly refundChanges: RefundChange[];
  readonly commands: NewCommand[];
};

export function createPendingWrites(): PendingWrites {
  return { changes: new Map(), entries: [], events: [], newRefunds: [], refundChanges: [], commands: [] };
}

/** Writes it all, in the same number of statements for any number of payments: each payment before its refunds. */
export async function writePending(tx: Transaction, ledger: Ledger, writes: PendingWrites): Promise<void> {
  await updatePayments(tx, [...writes.changes.values()]);
  const inserted = await insertRefunds(tx, writes.newRefunds);
  const missing = writes.newRefunds.find(({ id }) => !inserted.has(id));
  if (missing !== undefined) {
    throw new Error(`refund ${missing.id} of payment ${missing.paymentId} exists already`);
  }
  await updateRefunds(tx, writes.refundChanges);
  await ledger.post(tx, writes.entries);
  await appendEvents(tx, writes.events);
  await recordCommands(tx, writes.commands);
}

/** Adds a change of a payment to its earlier ones. The provider is no longer asked about it, unless `askInMs` is given. */
export function changePayment(writes: PendingWrites, payment: Payment, to: Partial<Change>): Change {
  const changed = { ...payment, askInMs: null, ...writes.changes.get(payment.id), ...to };
  writes.changes.set(payment.id, changed);
  return changed;
}

/** Changes a payment's state, with its event. */
export function changeState(
  writes: PendingWrites,
  payment: Payment,
  to: Partial<Change> & { state: Exclude<State, "PENDING"> },
): void {
  const changed = changePayment(writes, payment, { ...to, eventSequence: nextSequence(writes, payment) });
  writes.events.push(paymentEvent({ ...payment, ...changed }, to.state, changed.eventSequence));
}

/** Adds the event of a successful refund and the movement of its money: to the balance, or to the clearing of cards. */
export function addRefundSuccess(
  writes: PendingWrites,
  payment: Payment,
  refund: Pick<Refund, "id" | "amountMinor" | "reason" | "source">,
  account: bigint | "card:clearing",
): void {
  const { eventSequence } = changePayment(writes, payment, { eventSequence: nextSequence(writes, payment) });
  writes.events.push(refundedEvent(payment, refund, eventSequence));
  const kind = refund.source === "PROVIDER" ? "outside_refund" : "refund";
  writes.entries.push(ledgerEntry(payment, kind, account, refund.amountMinor));
}

/** The ledger's entry for a charge or a refund: a charge moves money from `account` to the sales, a refund back. */
export function ledgerEntry(
  { id, charge }: Pick<Payment, "id" | "charge">,
  kind: "charge" | "refund" | "outside_refund",
  account: bigint | "card:clearing",
  amountMinor: bigint,
): Entry {
  const gainMinor = kind === "charge" ? -amountMinor : amountMinor;
  return { kind, reference: id, currency: charge?.currency ?? "", account, counter: "sales", gainMinor };
}

/** The sequence of the payment's next event. */
export function nextSequence(writes: PendingWrites, payment: Payment): bigint {
  return (writes.changes.get(payment.id)?.eventSequence ?? payment.eventSequence) + 1n;
}
