import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Ledger } from "../ledger/ledger.ts";
import type { Payment } from "../payments/payment.ts";
import { addRefundSuccess, changePayment, createPendingWrites, writePending } from "../payments/pending-writes.ts";
import { settleRefund } from "../payments/settle.ts";
import type { Refund, RefundNews } from "./refund.ts";
import { findPendingRefunds, findRefundOfProvider, findRefunds } from "./refund-store.ts";

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
    const result = {
      ...{ ledger, log, retryMs, results: [] },
      answering: false,
      answer: { kind: "succeeded" } as const,
    };
    settleRefund(writes, payment, own, result);
    await writePending(tx, ledger, writes);
    return true;
  }
  if (payment.refundedMinor + amountMinor > payment.capturedMinor) {
    if ((await findPendingRefunds(tx, [payment.id])).length === 0) {
      throw new Error(
        `the provider refunded ${amountMinor} minor units of payment ${payment.id}, which captured ${payment.capturedMinor} and refunded ${payment.refundedMinor} before`,
      );
    }
    return false;
  }
  const refund = {
    id: uuidv7(),
    paymentId: payment.id,
    amountMinor,
    reason,
    source: "PROVIDER",
    providerRefundId,
  } as const;
  changePayment(writes, payment, { refundedMinor: payment.refundedMinor + amountMinor });
  writes.newRefunds.push({ ...refund, state: "SUCCEEDED", askInMs: null });
  addRefundSuccess(writes, payment, refund, "card:clearing");
  await writePending(tx, ledger, writes);
  return true;
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
