import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Ledger } from "../ledger/ledger.ts";
import type { Payment } from "../payments/payment.ts";
import {
  addRefundSuccess,
  changePayment,
  createPendingWrites,
  payBackCommand,
  settledCommand,
  writePending,
} from "../payments/pending-writes.ts";
import { settleRefund } from "../payments/settle.ts";
import type { Refund, RefundNews } from "./refund.ts";
import { findOpenRefunds, findRefundOfProvider, findRefunds } from "./refund-store.ts";
import { cover } from "./refused-refund.ts";

export type OutsideRefundOptions = { readonly ledger: Ledger; readonly log: Log; readonly retryMs: number };

/**
 * Records a refund that the provider says it made of a captured payment that the caller has locked. One that the shop asked
 * for is settled, if it is not yet; any other is recorded as a refund from outside, once for its id at the provider.
 *
 * Returns false if it cannot be recorded yet: it does not fit beside refunds that the provider has still to decide about.
 * Throws for news that do not fit the payment.
 */
export async function recordRefund(
  tx: Transaction,
  options: OutsideRefundOptions,
  payment: Payment,
  news: RefundNews,
): Promise<boolean> {
  const { ledger, log, retryMs } = options;
  const { refundId: providerRefundId, currency, amountMinor, reason } = news;
  if (payment.charge?.currency !== currency) {
    throw new Error(
      `refund ${providerRefundId} is in ${currency}, but payment ${payment.id} is in ${payment.charge?.currency}`,
    );
  }
  if ((await findRefundOfProvider(tx, payment.id, providerRefundId)) !== undefined) {
    return true;
  }
  const writes = createPendingWrites();
  const own = await findOwn(tx, payment, news.refundKey);
  if (own !== undefined && own.state !== "FAILED") {
    if (own.amountMinor !== amountMinor) {
      throw new Error(
        `refund ${own.id} is of ${own.amountMinor} minor units, but the provider made one of ${amountMinor}`,
      );
    }
    const { id: refundId, refusals } = own;
    const answer = { kind: "succeeded" } as const;
    const result = { kind: "refund", paymentId: payment.id, refundId, refusals, amountMinor, answer } as const;
    const known = { open: [], recorded: new Set<string>() };
    settleRefund(writes, payment, own, { ledger, log, retryMs, results: [], answering: false, result, known });
    await writePending(tx, ledger, writes);
    return true;
  }
  const open = await findOpenRefunds(tx, [payment.id]);
  if (payment.state === "CAPTURED") {
    if (payment.refundedMinor + amountMinor > payment.capturedMinor) {
      if (open.length === 0) {
        throw tooMuch(payment, amountMinor);
      }
      return false;
    }
    changePayment(writes, payment, { refundedMinor: payment.refundedMinor + amountMinor });
  } else {
    // All of it is being paid back, or is refused: that becomes less.
    if (cover(writes, open, amountMinor) < amountMinor) {
      throw tooMuch(payment, amountMinor);
    }
    if (payment.orderId !== "") {
      writes.commands.push(payBackCommand(payment.orderId), settledCommand(payment, "VOIDED"));
    }
  }
  const refund = {
    id: uuidv7(),
    paymentId: payment.id,
    amountMinor,
    reason,
    source: "PROVIDER",
    providerRefundId,
  } as const;
  writes.newRefunds.push({ ...refund, state: "SUCCEEDED", askInMs: null });
  addRefundSuccess(writes, payment, refund, "card:clearing");
  await writePending(tx, ledger, writes);
  return true;
}

function tooMuch({ id, capturedMinor, refundedMinor }: Payment, amountMinor: bigint): Error {
  return new Error(
    `the provider refunded ${amountMinor} minor units of payment ${id}, which captured ${capturedMinor} and refunded ${refundedMinor} before`,
  );
}

/** Finds the refund of this payment that the shop asked for with this key. A key that was refused has a number appended. */
async function findOwn(tx: Transaction, { id }: Payment, key: string): Promise<Refund | undefined> {
  if (key === "") {
    return undefined;
  }
  const ids = [key, key.replace(/\.\d+$/, "")];
  const found = await findRefunds(tx, ids);
  return ids.map((refundId) => found.get(refundId)).find((refund) => refund?.paymentId === id);
}
