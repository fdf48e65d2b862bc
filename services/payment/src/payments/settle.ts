import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Result } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Refund, voidRefundId } from "../refunds/refund.ts";
import { findRefunds } from "../refunds/refund-store.ts";
import type { ChargeContent, Payment } from "./payment.ts";
import { lockPayments } from "./payment-store.ts";
import {
  addRefundSuccess,
  changePayment,
  changeState,
  createPendingWrites,
  ledgerEntry,
  type PendingWrites,
  writePending,
} from "./pending-writes.ts";

export type SettleOptions = {
  ledger: Ledger;
  log: Log;
  results: readonly Result[];
  /** The callers that asked are being answered: a command is recorded only if another one was told to wait. */
  answering: boolean;
  retryMs: number;
};

/**
 * Settles what the card provider decided, with the journal entries, the events, and the commands for workflows that wait.
 * A charge that it captured although the payment is VOIDED or DECLINED is recorded together with its refund. Otherwise the
 * first decision counts, and a second changes nothing. Returns the payments of the results as they were before.
 */
export async function settle(tx: Transaction, options: SettleOptions): Promise<ReadonlyMap<string, Payment>> {
  const { ledger, results } = options;
  const writes = createPendingWrites();
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
        ? settleRefund(writes, payment, refunds.get(result.refundId), { ...options, answer: result.answer })
        : settleCharge(writes, payment, { ...options, answer: result.answer });
    if (isSettled) {
      settled.add(key);
    }
  }
  await writePending(tx, ledger, writes);
  return payments;
}

type ChargeResultAnswer = Exclude<Result, { kind: "refund" }>["answer"];
type RefundResultAnswer = Extract<Result, { kind: "refund" }>["answer"];

function settleCharge(
  writes: PendingWrites,
  payment: Payment,
  { answer, answering, log }: SettleOptions & { answer: ChargeResultAnswer },
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
      log.warn(
        { paymentId: id, state },
        "the card provider captured a charge that it had declined or cancelled; it is paid back",
      );
    }
    payBack(writes, payment, charge, answer.chargeId);
    return true;
  }
  if (!isOpen) {
    return false;
  }
  const after = state === "VOIDED" ? "VOIDED" : states[answer.kind];
  if (state !== "PENDING") {
    changePayment(writes, payment, {});
  } else if (answer.kind === "captured") {
    writes.entries.push(ledgerEntry(payment, "charge", "card:clearing", charge.amountMinor));
    const capturedMinor = charge.amountMinor;
    changeState(writes, payment, { state: after, capturedMinor, providerChargeId: answer.chargeId });
  } else {
    changeState(writes, payment, { state: after, declineReason: answer.kind === "declined" ? answer.reason : "" });
  }
  if (orderId !== "" && (!answering || payment.asks > 0)) {
    writes.commands.push({ kind: "PAYMENT_SETTLED", subject: orderId, data: { attempt, state: after } });
  }
  return true;
}

/** Records a charge that was captured too late, and its refund. */
function payBack(
  writes: PendingWrites,
  payment: Payment,
  { amountMinor }: ChargeContent,
  providerChargeId: string,
): void {
  const { id } = payment;
  writes.entries.push(ledgerEntry(payment, "charge", "card:clearing", amountMinor));
  changePayment(writes, payment, { capturedMinor: amountMinor, refundedMinor: amountMinor, providerChargeId });
  const reason = "captured too late";
  const refund = { id: voidRefundId(id), paymentId: id, amountMinor, reason, source: "UNDO" } as const;
  writes.newRefunds.push({ ...refund, state: "PENDING", askInMs: 0 });
}

/** Settles a refund that is PENDING. Returns false if it is not, or if the answer is no decision. */
export function settleRefund(
  writes: PendingWrites,
  payment: Payment,
  refund: Refund | undefined,
  { answer, answering, log, retryMs }: SettleOptions & { answer: RefundResultAnswer },
): boolean {
  if (refund?.state !== "PENDING" || (answer.kind !== "succeeded" && answer.kind !== "refused")) {
    return false;
  }
  const { id, refusals, amountMinor } = refund;
  if (answer.kind === "refused" && payment.state !== "CAPTURED") {
    // This refund must not fail: it is tried without end, and the log asks for a person to look at it.
    log.error(
      { refundId: id, reason: answer.reason },
      "the card provider refuses a refund that must not fail; it is tried again",
    );
    const askInMs = Math.min(60_000, retryMs * 2 ** Math.min(refusals, 16));
    writes.refundChanges.push({ ...refund, refusals: refusals + 1, askInMs });
    return true;
  }
  if (answer.kind === "refused") {
    const before = writes.changes.get(payment.id)?.refundedMinor ?? payment.refundedMinor;
    changePayment(writes, payment, { refundedMinor: before - amountMinor });
    writes.refundChanges.push({ ...refund, state: "FAILED", failureReason: answer.reason, askInMs: null });
  } else {
    addRefundSuccess(writes, payment, refund, "card:clearing");
    writes.refundChanges.push({ ...refund, state: "SUCCEEDED", askInMs: null });
  }
  const { orderId, attempt } = payment;
  if (orderId !== "" && (!answering || refund.asks > 0)) {
    const state = answer.kind === "refused" ? "FAILED" : "SUCCEEDED";
    writes.commands.push({ kind: "REFUND_SETTLED", subject: orderId, data: { refundId: id, state } });
    if (payment.state === "VOIDED") {
      writes.commands.push({ kind: "PAYMENT_SETTLED", subject: orderId, data: { attempt, state: "VOIDED" } });
    }
  }
  return true;
}

function isDecision(answer: ChargeResultAnswer): answer is Extract<ChargeResultAnswer, { kind: keyof typeof states }> {
  return answer.kind in states;
}

const states = { captured: "CAPTURED", declined: "DECLINED", cancelled: "VOIDED" } as const;
