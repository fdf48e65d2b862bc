import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type NewCommand, recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents, type NewEvent } from "@sagacart/outbox/events/append";
import type { Entry, Ledger } from "../ledger/ledger.ts";
import type { Refund } from "../refunds/refund.ts";
import { insertRefunds, type NewRefund, type RefundChange, updateRefunds } from "../refunds/refund-store.ts";
import { type Payment, paymentEvent, refundedEvent, type State } from "./payment.ts";
import { type Change, updatePayments } from "./payment-store.ts";

/** Everything that one transaction does to payments which it has locked, written in one go. */
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

/** A fixed number of statements, whatever the number of payments. Each refund stands behind its payment. */
export async function writePending(tx: Transaction, ledger: Ledger, writes: PendingWrites): Promise<void> {
  await updatePayments(tx, [...writes.changes.values()]);
  const inserted = await insertRefunds(tx, writes.newRefunds);
  const missing = writes.newRefunds.find(({ id }) => !inserted.has(id));
  if (missing !== undefined) {
    throw new Error(`refund ${missing.id} of payment ${missing.paymentId} is there already`);
  }
  await updateRefunds(tx, writes.refundChanges);
  await ledger.post(tx, writes.entries);
  await appendEvents(tx, writes.events);
  await recordCommands(tx, writes.commands);
}

/** Changes a payment, on top of what the writes has done to it. It has nothing more to ask unless `askInMs` says so. */
export function change(writes: PendingWrites, payment: Payment, to: Partial<Change>): Change {
  const changed = { ...payment, askInMs: null, ...writes.changes.get(payment.id), ...to };
  writes.changes.set(payment.id, changed);
  return changed;
}

/** Changes its state, and tells of it. */
export function changeState(
  writes: PendingWrites,
  payment: Payment,
  to: Partial<Change> & { state: Exclude<State, "PENDING"> },
): void {
  const changed = change(writes, payment, { ...to, eventSequence: nextSequence(writes, payment) });
  writes.events.push(paymentEvent({ ...payment, ...changed }, to.state, changed.eventSequence));
}

/** Tells that a refund has succeeded, and moves its money: to the balance, or out through the clearing of cards. */
export function refunded(
  writes: PendingWrites,
  payment: Payment,
  refund: Pick<Refund, "id" | "amountMinor" | "reason">,
  account: bigint | "card:clearing",
): void {
  const { eventSequence } = change(writes, payment, { eventSequence: nextSequence(writes, payment) });
  const { id: refundId, amountMinor, reason } = refund;
  writes.events.push(refundedEvent(payment, { refundId, amountMinor, reason }, eventSequence));
  writes.entries.push(moved(payment, "refund", account, amountMinor));
}

/** The money of a charge or refund: what `account` gains and the sales lose, or the other way round. */
export function moved(
  { id, charge }: Pick<Payment, "id" | "charge">,
  kind: "charge" | "refund",
  account: bigint | "card:clearing",
  amountMinor: bigint,
): Entry {
  const gainMinor = kind === "charge" ? -amountMinor : amountMinor;
  return { kind, reference: id, currency: charge?.currency ?? "", account, counter: "sales", gainMinor };
}

function nextSequence(writes: PendingWrites, payment: Payment): bigint {
  return (writes.changes.get(payment.id)?.eventSequence ?? payment.eventSequence) + 1n;
}
