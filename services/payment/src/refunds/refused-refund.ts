import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CapturedCharge, ChargeReading } from "../card-provider/card-provider.ts";
import type { RefusedRefund } from "../card-provider/job.ts";
import type { Payment } from "../payments/payment.ts";
import { addRefundSuccess, changePayment, changeRefund, type PendingWrites } from "../payments/pending-writes.ts";
import { missingRefundId, type Refund, type RefundState } from "./refund.ts";

/** The refunds of a payment that are PENDING or REFUSED, and the provider's refunds that are recorded already. */
export type KnownRefunds = {
  readonly open: readonly Refund[];
  /** As "payment id, provider's id of the refund". */
  readonly recorded: ReadonlySet<string>;
};

/**
 * Records the refunds that the merchant made at the provider, without the shop. Of a payment that is undone, what is
 * still to be paid back becomes less by them; of a captured payment, only those are recorded that fit beside the refunds
 * that are under way: the others are when these are refused.
 */
export function recordProviderRefunds(
  writes: PendingWrites,
  payment: Payment,
  { refunds }: Pick<CapturedCharge, "refunds">,
  { open, recorded }: KnownRefunds,
): void {
  for (const { id: providerRefundId, key, kind, amountMinor: madeMinor } of refunds) {
    if (key !== "" || kind !== "succeeded" || recorded.has(`${payment.id} ${providerRefundId}`)) {
      continue;
    }
    if (writes.newRefunds.some((refund) => refund.providerRefundId === providerRefundId)) {
      continue;
    }
    const amountMinor =
      payment.state === "CAPTURED" ? fitting(writes, payment, madeMinor) : cover(writes, open, madeMinor);
    if (amountMinor === 0n) {
      continue;
    }
    const reason = "refunded at the card provider";
    const refund = {
      id: uuidv7(),
      paymentId: payment.id,
      amountMinor,
      reason,
      providerRefundId,
      source: "PROVIDER",
    } as const;
    writes.newRefunds.push({ ...refund, state: "SUCCEEDED", askInMs: null });
    addRefundSuccess(writes, payment, refund, "card:clearing");
  }
}

function fitting(writes: PendingWrites, payment: Payment, amountMinor: bigint): bigint {
  const { refundedMinor, capturedMinor } = writes.changes.get(payment.id) ?? payment;
  if (refundedMinor + amountMinor > capturedMinor) {
    return 0n;
  }
  changePayment(writes, payment, { refundedMinor: refundedMinor + amountMinor });
  return amountMinor;
}

/**
 * Makes open refunds smaller by money that the customer got another way; the refund that undoes the payment first.
 * Returns how much of it they took. A PENDING one is asked for again, with its new amount and a new key.
 */
export function cover(writes: PendingWrites, open: readonly Refund[], amountMinor: bigint): bigint {
  let leftMinor = amountMinor;
  for (const refund of open.toSorted((a, b) => Number(b.source === "UNDO") - Number(a.source === "UNDO"))) {
    const current = { ...refund, ...writes.refundChanges.get(refund.id) };
    if (leftMinor === 0n || !isOpen(current.state)) {
      continue;
    }
    if (current.amountMinor <= leftMinor) {
      changeRefund(writes, refund, { state: "FAILED", failureReason: paidBackOtherwise, askInMs: null });
      leftMinor -= current.amountMinor;
    } else {
      askForLess(writes, refund, current, current.amountMinor - leftMinor);
      leftMinor = 0n;
    }
  }
  return amountMinor - leftMinor;
}

/** The failure reason of a refund of which nothing is left to pay. */
const paidBackOtherwise = "paid_back_otherwise";

function askForLess(
  writes: PendingWrites,
  refund: Refund,
  { state, refusals }: Pick<Refund, "state" | "refusals">,
  amountMinor: bigint,
): void {
  changeRefund(
    writes,
    refund,
    state === "PENDING" ? { amountMinor, refusals: refusals + 1, askInMs: 0 } : { amountMinor },
  );
}

function isOpen(state: RefundState): boolean {
  return state === "PENDING" || state === "REFUSED";
}

export type RefusalOptions = {
  readonly answer: RefusedRefund;
  readonly known: KnownRefunds;
  readonly log: Log;
  readonly retryMs: number;
};

/**
 * Decides about a refund that undoes a payment and that the provider refuses. What is left of the charge there is paid
 * back. If the refund was refused although that much is left, or nothing is left and nobody knows why, it is REFUSED: an
 * operator has to act. The amount only becomes less, so that this ends.
 */
export function settleRefusal(
  writes: PendingWrites,
  payment: Payment,
  refund: Refund,
  { answer: { reason, reading }, known, log, retryMs }: RefusalOptions,
): void {
  if (reading.kind === "captured") {
    recordProviderRefunds(writes, payment, reading, known);
  }
  const { state, amountMinor, refusals } = { ...refund, ...writes.refundChanges.get(refund.id) };
  if (state !== "PENDING" || amountMinor < refund.amountMinor) {
    return;
  }
  if (isUndecided(reading)) {
    const askInMs = Math.min(60_000, retryMs * 2 ** Math.min(refusals, 16));
    changeRefund(writes, refund, { refusals: refusals + 1, askInMs });
    return;
  }
  const leftMinor = reading.kind === "captured" ? reading.leftMinor : 0n;
  const { id: paymentId } = payment;
  if (leftMinor > 0n && leftMinor < amountMinor) {
    askForLess(writes, refund, { state, refusals }, leftMinor);
    const missing = { id: missingRefundId(uuidv7()), paymentId, amountMinor: amountMinor - leftMinor };
    writes.newRefunds.push({
      ...missing,
      reason: refund.reason,
      state: "REFUSED",
      failureReason: reason,
      source: "UNDO",
      askInMs: null,
    });
  } else {
    changeRefund(writes, refund, { state: "REFUSED", failureReason: reason, refusals: refusals + 1, askInMs: null });
  }
  log.error(
    { paymentId, refundId: refund.id, reason, leftMinor: leftMinor.toString() },
    "the card provider refuses for good to pay back a payment that is undone; an operator has to settle it",
  );
}

/** Returns true while the provider has not decided about the charge or about one of its refunds. */
function isUndecided(reading: ChargeReading): boolean {
  return (
    reading.kind === "pending" ||
    (reading.kind === "captured" && reading.refunds.some(({ kind }) => kind === "pending"))
  );
}
