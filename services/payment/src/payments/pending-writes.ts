import type { Actor } from "@sagacart/chassis/auth/actor";
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
  readonly refundChanges: Map<string, RefundChange>;
  readonly commands: NewCommand[];
};

export function createPendingWrites(): PendingWrites {
  return { changes: new Map(), entries: [], events: [], newRefunds: [], refundChanges: new Map(), commands: [] };
}

/**
 * Writes it all, in the same number of statements for any number of payments: each payment before its refunds. `actor` is who
 * moves the money by hand.
 */
export async function writePending(
  tx: Transaction,
  ledger: Ledger,
  writes: PendingWrites,
  actor?: Actor,
): Promise<void> {
  await updatePayments(tx, [...writes.changes.values()]);
  const inserted = await insertRefunds(tx, writes.newRefunds);
  const missing = writes.newRefunds.find(({ id }) => !inserted.has(id));
  if (missing !== undefined) {
    throw new Error(`refund ${missing.id} of payment ${missing.paymentId} exists already`);
  }
  await updateRefunds(tx, [...writes.refundChanges.values()]);
  await ledger.post(tx, writes.entries, actor);
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

/** Adds a change of a refund to its earlier ones. The provider is no longer asked for it, unless `askInMs` is given. */
export function changeRefund(writes: PendingWrites, refund: Refund, to: Partial<RefundChange>): RefundChange {
  const changed = { ...refund, askInMs: null, ...writes.refundChanges.get(refund.id), ...to };
  writes.refundChanges.set(refund.id, changed);
  return changed;
}

/**
 * Adds the event of a successful refund and the movement of its money: to the balance, to the clearing of cards, or to
 * what was paid by hand.
 */
export function addRefundSuccess(
  writes: PendingWrites,
  payment: Payment,
  refund: Pick<Refund, "id" | "amountMinor" | "reason" | "source">,
  account: bigint | "card:clearing" | "settled:by_hand",
): void {
  const { eventSequence } = changePayment(writes, payment, { eventSequence: nextSequence(writes, payment) });
  writes.events.push(refundedEvent(payment, refund, eventSequence));
  writes.entries.push(ledgerEntry(payment, entryKinds[refund.source], account, refund.amountMinor));
}

const entryKinds = { SHOP: "refund", UNDO: "refund", PROVIDER: "outside_refund", HAND: "settled_by_hand" } as const;

/** The ledger's entry of a payment: a charge moves money from `account` to the sales, everything else back. */
export function ledgerEntry(
  { id, charge }: Pick<Payment, "id" | "charge">,
  kind: "charge" | "refund" | "outside_refund" | "settled_by_hand",
  account: bigint | "card:clearing" | "settled:by_hand",
  amountMinor: bigint,
): Entry {
  const gainMinor = kind === "charge" ? -amountMinor : amountMinor;
  return { kind, reference: id, currency: charge?.currency ?? "", account, counter: "sales", gainMinor };
}

/** The command for the workflow that waits for a payment of its order. */
export function settledCommand(
  { orderId, attempt }: Pick<Payment, "orderId" | "attempt">,
  state: Exclude<State, "PENDING">,
): NewCommand {
  return { kind: "PAYMENT_SETTLED", subject: orderId, data: { attempt, state } };
}

/** The command to bring the incident of an order up to date: whether the provider refuses to pay back its payment. */
export function payBackCommand(orderId: string): NewCommand {
  return { kind: "PAY_BACK_CHANGED", subject: orderId, data: {} };
}

/** The sequence of the payment's next event. */
export function nextSequence(writes: PendingWrites, payment: Payment): bigint {
  return (writes.changes.get(payment.id)?.eventSequence ?? payment.eventSequence) + 1n;
}
