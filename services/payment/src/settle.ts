import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { change, changeState, createDraft, type Draft, moved, refunded, writeDraft } from "./draft.ts";
import { voidRefundId } from "./ids.ts";
import type { Result } from "./job.ts";
import type { Ledger } from "./ledger.ts";
import type { ChargeContent, Payment } from "./payment.ts";
import { lockPayments } from "./payment-store.ts";
import type { Refund } from "./refund.ts";
import { findRefunds } from "./refund-store.ts";

export type SettleOptions = {
  ledger: Ledger;
  log: Log;
  results: readonly Result[];
  /** Those who asked are being answered: no command, unless somebody else was told to wait. */
  answering: boolean;
  retryMs: number;
};

/**
 * Settles what the provider has decided, with the journal entries, the events, and the commands for those who wait.
 * What it captured although the payment is VOIDED (or DECLINED) is recorded, and its refund with it. Otherwise the
 * first decision counts, and a second changes nothing. Answers the payments of the results, as they were before.
 */
export async function settle(tx: Transaction, options: SettleOptions): Promise<ReadonlyMap<string, Payment>> {
  const { ledger, results } = options;
  const draft = createDraft();
  const payments = await lockPayments(tx, [...new Set(results.map(({ paymentId }) => paymentId))]);
  const refundIds = results.flatMap((result) => (result.kind === "refund" ? [result.refundId] : []));
  const refunds = refundIds.length === 0 ? new Map<string, Refund>() : await findRefunds(tx, refundIds);
  const settled = new Set<string>();
  for (const result of results) {
    const payment = payments.get(result.paymentId);
    const key = result.kind === "refund" ? `refund ${result.refundId}` : result.paymentId;
    if (payment === undefined || settled.has(key)) {
      continue;
    }
    const isSettled =
      result.kind === "refund"
        ? settleRefund(draft, payment, refunds.get(result.refundId), { ...options, answer: result.answer })
        : settleCharge(draft, payment, { ...options, answer: result.answer });
    if (isSettled) {
      settled.add(key);
    }
  }
  await writeDraft(tx, ledger, draft);
  return payments;
}

type Charged = Exclude<Result, { kind: "refund" }>["answer"];
type Refunded = Extract<Result, { kind: "refund" }>["answer"];

function settleCharge(
  draft: Draft,
  payment: Payment,
  { answer, answering, log }: SettleOptions & { answer: Charged },
): boolean {
  const { id, orderId, attempt, charge, state, isOpen } = payment;
  if (!isDecision(answer) || charge === undefined) {
    return false;
  }
  if (answer.kind === "captured" && state !== "PENDING") {
    if (payment.capturedMinor > 0n) {
      return false;
    }
    if (!isOpen) {
      log.error({ paymentId: id, state }, "the card provider captured what it had said it would not; it is paid back");
    }
    payBack(draft, payment, charge, answer.chargeId);
    return true;
  }
  if (!isOpen) {
    return false;
  }
  const after = state === "VOIDED" ? "VOIDED" : states[answer.kind];
  if (state !== "PENDING") {
    change(draft, payment, {});
  } else if (answer.kind === "captured") {
    draft.entries.push(moved(payment, "charge", "card:clearing", charge.amountMinor));
    const capturedMinor = charge.amountMinor;
    changeState(draft, payment, { state: after, capturedMinor, providerChargeId: answer.chargeId });
  } else {
    changeState(draft, payment, { state: after, declineReason: answer.kind === "declined" ? answer.reason : "" });
  }
  if (orderId !== "" && (!answering || payment.asks > 0)) {
    draft.commands.push({ kind: "PAYMENT_SETTLED", subject: orderId, data: { attempt, state: after } });
  }
  return true;
}

/** Captured too late: that is recorded, and that it goes back. */
function payBack(draft: Draft, payment: Payment, { amountMinor }: ChargeContent, providerChargeId: string): void {
  const { id } = payment;
  draft.entries.push(moved(payment, "charge", "card:clearing", amountMinor));
  change(draft, payment, { capturedMinor: amountMinor, refundedMinor: amountMinor, providerChargeId });
  const reason = "captured too late";
  draft.newRefunds.push({ id: voidRefundId(id), paymentId: id, amountMinor, reason, state: "PENDING", askInMs: 0 });
}

function settleRefund(
  draft: Draft,
  payment: Payment,
  refund: Refund | undefined,
  { answer, answering, log, retryMs }: SettleOptions & { answer: Refunded },
): boolean {
  if (refund?.state !== "PENDING" || (answer.kind !== "succeeded" && answer.kind !== "refused")) {
    return false;
  }
  const { id, refusals, amountMinor } = refund;
  if (answer.kind === "refused" && payment.state !== "CAPTURED") {
    // Nothing may stay charged: it is tried without end, and somebody must look at it.
    log.error(
      { refundId: id, reason: answer.reason },
      "the card provider refuses to pay back what must not stay charged",
    );
    const askInMs = Math.min(60_000, retryMs * 2 ** Math.min(refusals, 16));
    draft.refundChanges.push({ ...refund, refusals: refusals + 1, askInMs });
    return true;
  }
  if (answer.kind === "refused") {
    const before = draft.changes.get(payment.id)?.refundedMinor ?? payment.refundedMinor;
    change(draft, payment, { refundedMinor: before - amountMinor });
    draft.refundChanges.push({ ...refund, state: "FAILED", failureReason: answer.reason, askInMs: null });
  } else {
    refunded(draft, payment, refund, "card:clearing");
    draft.refundChanges.push({ ...refund, state: "SUCCEEDED", askInMs: null });
  }
  const { orderId, attempt } = payment;
  if (orderId !== "" && (!answering || refund.asks > 0)) {
    const state = answer.kind === "refused" ? "FAILED" : "SUCCEEDED";
    draft.commands.push({ kind: "REFUND_SETTLED", subject: orderId, data: { refundId: id, state } });
    if (payment.state === "VOIDED") {
      draft.commands.push({ kind: "PAYMENT_SETTLED", subject: orderId, data: { attempt, state: "VOIDED" } });
    }
  }
  return true;
}

function isDecision(answer: Charged): answer is Extract<Charged, { kind: keyof typeof states }> {
  return answer.kind in states;
}

const states = { captured: "CAPTURED", declined: "DECLINED", cancelled: "VOIDED" } as const;
