import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { RefusedRefund, Result } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Refund, voidRefundId } from "../refunds/refund.ts";
import { findOpenRefunds, findProviderRefunds, findRefunds } from "../refunds/refund-store.ts";
import { type KnownRefunds, recordProviderRefunds, settleRefusal } from "../refunds/refused-refund.ts";
import type { ChargeContent, Payment } from "./payment.ts";
import { lockPayments } from "./payment-store.ts";
import {
  addRefundSuccess,
  changePayment,
  changeRefund,
  changeState,
  createPendingWrites,
  ledgerEntry,
  type PendingWrites,
  payBackCommand,
  settledCommand,
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
 * first decision counts, and a second changes nothing. Refunds of which a refusal tells that they were made without the
 * shop are recorded too. Returns the payments of the results as they were before.
 */
export async function settle(tx: Transaction, options: SettleOptions): Promise<ReadonlyMap<string, Payment>> {
  const { ledger, results } = options;
  const writes = createPendingWrites();
  const payments = await lockPayments(tx, [...new Set(results.map(({ paymentId }) => paymentId))]);
  const refundIds = results.flatMap((result) => (result.kind === "refund" ? [result.refundId] : []));
  const refunds = refundIds.length === 0 ? new Map<string, Refund>() : await findRefunds(tx, refundIds);
  const known = await knownRefunds(tx, results);
  const settled = new Set<string>();
  for (const result of results) {
    const payment = payments.get(result.paymentId);
    const key = result.kind === "refund" ? `refund ${result.refundId}` : result.paymentId;
    if (payment === undefined || settled.has(key)) {
      continue;
    }
    const isSettled =
      result.kind === "refund"
        ? settleRefund(writes, payment, refunds.get(result.refundId), { ...options, result, known })
        : settleCharge(writes, payment, { ...options, answer: result.answer });
    if (isSettled) {
      settled.add(key);
    }
  }
  await writePending(tx, ledger, writes);
  return payments;
}

type ChargeResultAnswer = Exclude<Result, { kind: "refund" }>["answer"];
type RefundResult = Extract<Result, { kind: "refund" }>;

/** Finds what is known of the refunds of payments with a refund that is refused. */
async function knownRefunds(tx: Transaction, results: readonly Result[]): Promise<KnownRefunds> {
  const refused = results.filter(({ kind, answer }) => kind === "refund" && answer.kind === "refused");
  if (refused.length === 0) {
    return { open: [], recorded: new Set() };
  }
  const paymentIds = refused.map(({ paymentId }) => paymentId);
  return { open: await findOpenRefunds(tx, paymentIds), recorded: await findProviderRefunds(tx, paymentIds) };
}

function settleCharge(
  writes: PendingWrites,
  payment: Payment,
  { answer, answering, log }: SettleOptions & { answer: ChargeResultAnswer },
): boolean {
  const { id, orderId, charge, state, isOpen } = payment;
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
    writes.commands.push(settledCommand(payment, after));
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

/**
 * Settles a refund that is PENDING, or one that is REFUSED and was made after all. Returns false if it is neither, or if
 * the answer is no decision.
 */
export function settleRefund(
  writes: PendingWrites,
  payment: Payment,
  refund: Refund | undefined,
  { result, known, answering, log, retryMs }: SettleOptions & { result: RefundResult; known: KnownRefunds },
): boolean {
  const { answer } = result;
  const isExpected = refund?.state === "PENDING" || (refund?.state === "REFUSED" && answer.kind === "succeeded");
  if (refund === undefined || !isExpected || (answer.kind !== "succeeded" && answer.kind !== "refused")) {
    return false;
  }
  const open = known.open.filter(({ paymentId }) => paymentId === payment.id);
  const { amountMinor } = refund;
  if (result.amountMinor !== amountMinor || result.refusals !== refund.refusals) {
    // Asked for before its amount was changed: the provider is asked again, and tells what is left.
    return false;
  }
  if (answer.kind === "succeeded") {
    addRefundSuccess(writes, payment, refund, "card:clearing");
    changeRefund(writes, refund, { state: "SUCCEEDED", askInMs: null });
  } else if (payment.state === "CAPTURED") {
    const before = writes.changes.get(payment.id)?.refundedMinor ?? payment.refundedMinor;
    changePayment(writes, payment, { refundedMinor: before - amountMinor });
    if (answer.reading.kind === "captured") {
      recordProviderRefunds(writes, payment, answer.reading, { ...known, open });
    }
    if (!askForRest(writes, payment, answer, refund)) {
      changeRefund(writes, refund, { state: "FAILED", failureReason: answer.reason, askInMs: null });
    }
  } else {
    settleRefusal(writes, payment, refund, { answer, known: { ...known, open }, log, retryMs });
    if (payment.orderId !== "") {
      // Other refunds of the payment may be settled by what the refusal told.
      writes.commands.push(settledCommand(payment, "VOIDED"));
    }
  }
  tellWorkflows(writes, payment, refund, { answering });
  return true;
}

/** Records the commands about the refunds of a payment that changed: for workflows that wait, and for operators. */
function tellWorkflows(
  { refundChanges, newRefunds, commands }: PendingWrites,
  payment: Payment,
  refund: Refund,
  { answering }: { answering: boolean },
): void {
  const { orderId, state } = payment;
  if (orderId === "") {
    return;
  }
  const after = refundChanges.get(refund.id)?.state ?? refund.state;
  const isSettled = after === "SUCCEEDED" || after === "FAILED";
  if (isSettled && (!answering || refund.asks > 0)) {
    commands.push({ kind: "REFUND_SETTLED", subject: orderId, data: { refundId: refund.id, state: after } });
    if (state === "VOIDED") {
      commands.push(settledCommand(payment, "VOIDED"));
    }
  }
  // Refunds that were refused, and those whose amount became less by what a refusal told.
  const wasRefused = refund.refusals > 0 || newRefunds.some(({ paymentId }) => paymentId === refund.paymentId);
  if (state === "VOIDED" && (after === "REFUSED" || wasRefused)) {
    commands.push(payBackCommand(orderId));
  }
}

/**
 * Asks for what is left of a charge at the provider, if the refund is of that and the provider has less than the shop knew
 * of. The amount only becomes less, so that this ends. Returns false if it is not asked again.
 */
function askForRest(writes: PendingWrites, payment: Payment, { reading }: RefusedRefund, refund: Refund): boolean {
  const leftMinor = refund.atMost && reading.kind === "captured" ? reading.leftMinor : 0n;
  const { refundedMinor, capturedMinor } = writes.changes.get(payment.id) ?? payment;
  if (leftMinor === 0n || leftMinor >= refund.amountMinor || refundedMinor + leftMinor > capturedMinor) {
    return false;
  }
  changePayment(writes, payment, { refundedMinor: refundedMinor + leftMinor });
  changeRefund(writes, refund, { amountMinor: leftMinor, refusals: refund.refusals + 1, askInMs: 0 });
  return true;
}

function isDecision(answer: ChargeResultAnswer): answer is Extract<ChargeResultAnswer, { kind: keyof typeof states }> {
  return answer.kind in states;
}

const states = { captured: "CAPTURED", declined: "DECLINED", cancelled: "VOIDED" } as const;
