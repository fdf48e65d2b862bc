import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type NewCommand, recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents, type NewEvent } from "@sagacart/outbox/events/append";
import type { Entry, Ledger } from "./ledger.ts";
import { type Payment, paymentEvent, refundedEvent, type State } from "./payment.ts";
import { type Change, updatePayments } from "./payment-store.ts";
import type { Refund } from "./refund.ts";
import { insertRefunds, type NewRefund, type RefundChange, updateRefunds } from "./refund-store.ts";

/** Everything that one transaction does to payments which it has locked, written in one go. */
export type Draft = {
  readonly changes: Map<string, Change>;
  readonly entries: Entry[];
  readonly events: NewEvent[];
  readonly newRefunds: NewRefund[];
  readonly refundChanges: RefundChange[];
  readonly commands: NewCommand[];
};

export function createDraft(): Draft {
  return { changes: new Map(), entries: [], events: [], newRefunds: [], refundChanges: [], commands: [] };
}

/** A fixed number of statements, whatever the number of payments. Each refund stands behind its payment. */
export async function writeDraft(tx: Transaction, ledger: Ledger, draft: Draft): Promise<void> {
  await updatePayments(tx, [...draft.changes.values()]);
  const inserted = await insertRefunds(tx, draft.newRefunds);
  const missing = draft.newRefunds.find(({ id }) => !inserted.has(id));
  if (missing !== undefined) {
    throw new Error(`refund ${missing.id} of payment ${missing.paymentId} is there already`);
  }
  await updateRefunds(tx, draft.refundChanges);
  await ledger.post(tx, draft.entries);
  await appendEvents(tx, draft.events);
  await recordCommands(tx, draft.commands);
}

/** Changes a payment, on top of what the draft has done to it. It has nothing more to ask unless `askInMs` says so. */
export function change(draft: Draft, payment: Payment, to: Partial<Change>): Change {
  const changed = { ...payment, askInMs: null, ...draft.changes.get(payment.id), ...to };
  draft.changes.set(payment.id, changed);
  return changed;
}

/** Changes its state, and tells of it. */
export function changeState(
  draft: Draft,
  payment: Payment,
  to: Partial<Change> & { state: Exclude<State, "PENDING"> },
): void {
  const changed = change(draft, payment, { ...to, eventSequence: nextSequence(draft, payment) });
  draft.events.push(paymentEvent({ ...payment, ...changed }, to.state, changed.eventSequence));
}

/** Tells that a refund has succeeded, and moves its money: to the balance, or out through the clearing of cards. */
export function refunded(
  draft: Draft,
  payment: Payment,
  refund: Pick<Refund, "id" | "amountMinor" | "reason">,
  account: bigint | "card:clearing",
): void {
  const { eventSequence } = change(draft, payment, { eventSequence: nextSequence(draft, payment) });
  const { id: refundId, amountMinor, reason } = refund;
  draft.events.push(refundedEvent(payment, { refundId, amountMinor, reason }, eventSequence));
  draft.entries.push(moved(payment, "refund", account, amountMinor));
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

function nextSequence(draft: Draft, payment: Payment): bigint {
  return (draft.changes.get(payment.id)?.eventSequence ?? payment.eventSequence) + 1n;
}
