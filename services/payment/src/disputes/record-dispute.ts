import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Entry, Ledger } from "../ledger/ledger.ts";
import { disputeEvent, type Payment } from "../payments/payment.ts";
import { changePayment, createPendingWrites, nextSequence, writePending } from "../payments/pending-writes.ts";
import { contradicts, type DisputeNews, type DisputeState, disputeSteps } from "./dispute.ts";
import { closeDispute, findDispute, insertDispute } from "./dispute-store.ts";

/**
 * Records what the card provider says about a dispute of a captured payment that the caller has locked: with its journal
 * entries and events. A repeat and late news change nothing. Throws for news that do not fit the payment.
 */
export async function recordDispute(
  tx: Transaction,
  { ledger, log }: { ledger: Ledger; log: Log },
  payment: Payment,
  { disputeId: id, state: told, currency, amountMinor, reason }: DisputeNews,
): Promise<void> {
  const known = await findDispute(tx, id);
  if (known !== undefined && known.paymentId !== payment.id) {
    throw new Error(`dispute ${id} is of payment ${known.paymentId}, not of payment ${payment.id}`);
  }
  if (payment.charge?.currency !== currency) {
    throw new Error(`dispute ${id} is in ${currency}, but payment ${payment.id} is in ${payment.charge?.currency}`);
  }
  if (contradicts(known?.state, told)) {
    log.error(
      { paymentId: payment.id, disputeId: id, state: known?.state, told },
      "the card provider decided a dispute twice, and differently; the first decision stands: compare its books with the ledger",
    );
  }
  const steps = disputeSteps(known?.state, told);
  const last = steps.at(-1);
  if (last === undefined) {
    return;
  }
  // A decision is about the amount that was opened.
  const dispute = known ?? { id, amountMinor, reason };
  if (known === undefined) {
    await insertDispute(tx, { ...dispute, paymentId: payment.id, state: last });
  } else if (last !== "OPEN") {
    await closeDispute(tx, id, last);
  }
  const writes = createPendingWrites();
  for (const state of steps) {
    const { eventSequence, disputedMinor } = changePayment(writes, payment, {
      eventSequence: nextSequence(writes, payment),
    });
    changePayment(writes, payment, { disputedMinor: disputedMinor + changeOf[state] * dispute.amountMinor });
    writes.entries.push(disputeEntry(payment, state, dispute.amountMinor));
    writes.events.push(disputeEvent(payment, { ...dispute, state }, eventSequence));
  }
  await writePending(tx, ledger, writes);
}

/** How a step changes the sum of the disputes that are not won. */
const changeOf: Readonly<Record<DisputeState, bigint>> = { OPEN: 1n, WON: -1n, LOST: 0n };

/**
 * The ledger's entry for a step of a dispute. When it is opened, the provider takes the amount out of the clearing; when it
 * is won, it puts the amount back; when it is lost, the open dispute becomes a loss.
 */
function disputeEntry({ id, charge }: Payment, state: DisputeState, amountMinor: bigint): Entry {
  const common = { reference: id, currency: charge?.currency ?? "" };
  switch (state) {
    case "OPEN":
      return {
        ...common,
        kind: "dispute_opened",
        account: "card:clearing",
        counter: "disputes:open",
        gainMinor: amountMinor,
      };
    case "WON":
      return {
        ...common,
        kind: "dispute_won",
        account: "disputes:open",
        counter: "card:clearing",
        gainMinor: amountMinor,
      };
    case "LOST":
      return {
        ...common,
        kind: "dispute_lost",
        account: "disputes:open",
        counter: "disputes:lost",
        gainMinor: amountMinor,
      };
    default:
      return state satisfies never;
  }
}
