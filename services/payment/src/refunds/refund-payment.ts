import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { type Amount, sameCurrency } from "@sagacart/chassis/money";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import { accountKey } from "../accounts/account.ts";
import { lockAccounts } from "../accounts/account-store.ts";
import { jobOfRefund } from "../card-provider/job.ts";
import { uuidPattern } from "../ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { ChargeOptions } from "../payments/charge.ts";
import { type ChargeContent, leftMinor, type Payment } from "../payments/payment.ts";
import { findPayments, lockPayments } from "../payments/payment-store.ts";
import { addRefundSuccess, changePayment, createPendingWrites, writePending } from "../payments/pending-writes.ts";
import { reasons } from "../reasons.ts";
import { isReservedRefundId, type Refund, refundIdOfRequest } from "./refund.ts";
import { findRefunds } from "./refund-store.ts";

export type RefundRequest = {
  readonly paymentId: string;
  /** Empty: derived from the request id, or a new one without that. */
  readonly refundId: string;
  readonly requestId: string;
  /** Absent: all that is left of the capture. */
  readonly amount: Amount | undefined;
  /** Pay back what is left if that is less than the amount. */
  readonly atMost: boolean;
  readonly reason: string;
  readonly actor: Actor;
  /** Of the content without the ids of refund and request: a repeat of the refund id with another one is refused. */
  readonly fingerprint: Uint8Array;
  /** Of all the content but the request id: a repeat of the request id with another one is refused. */
  readonly requestFingerprint: Uint8Array;
};

/** Refunds a payment, and returns the refund as it is then. A repeat gets the same, also the same refusal. */
export type RefundPayment = (request: RefundRequest) => Promise<Refund>;

export function refundPayment(options: ChargeOptions & { commands: CommandOutbox }): RefundPayment {
  const { pool, ledger, feed, cardQueue, writeResults, timeoutMs, batchMs } = options;
  return async (request) => {
    const id = idOf(request);
    const { fingerprint, requestId, requestFingerprint } = request;
    // Not the scopes of any customer: an id has no slash.
    const guard = { scope: "/refund-requests", requestId, fingerprint: requestFingerprint };
    const keyed = { scope: "/refunds", requestId: id, method: "RefundPayment", fingerprint, guard };
    try {
      await once(pool, keyed, async (tx) => {
        await record(tx, ledger, { ...request, id }, batchMs + timeoutMs);
        return id;
      });
    } catch (error) {
      throw isReuseOf(id, error) ? differs(id) : error;
    }
    feed.notify();
    const get = async () => {
      const refund = (await findRefunds(pool, [id])).get(id);
      if (refund === undefined) {
        throw new Error(`refund ${id} was recorded but is gone`);
      }
      return refund;
    };
    const endMs = performance.now() + batchMs;
    let refund = await get();
    // Twice: the provider may refuse because it has less left than the shop knew of, and is then asked for that.
    for (let tries = 0; refund.state === "PENDING" && refund.refusals === tries && tries < 2; tries++) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) {
        break;
      }
      await writeResults(await cardQueue.ask(jobOfRefund(refund), leftMs), { answering: true });
      refund = await get();
    }
    return refund;
  };
}

/** Returns true if the refund id was used before with other content, not the request id. */
function isReuseOf(refundId: string, error: unknown): boolean {
  return error instanceof DomainError && error.reason === "REQUEST_ID_REUSED" && error.metadata.request_id === refundId;
}

function idOf({ paymentId, refundId, requestId }: RefundRequest): string {
  if (refundId !== "") {
    return refundId;
  }
  return requestId === "" ? uuidv7() : refundIdOfRequest(paymentId, requestId);
}

type Keyed = RefundRequest & { readonly id: string };

async function record(tx: Transaction, ledger: Ledger, request: Keyed, firstAskMs: number): Promise<void> {
  const { id, paymentId, reason, actor } = request;
  const found = uuidPattern.test(paymentId) ? (await findPayments(tx, [paymentId])).get(paymentId) : undefined;
  if (found === undefined) {
    const message = `there is no payment ${paymentId}`;
    throw new DomainError(reasons, "PAYMENT_NOT_FOUND", message, { payment_id: paymentId });
  }
  // The account before the payment, as in every transaction, so that none of them deadlock.
  const byBalance = found.charge?.paymentMethod === "" ? [found.charge] : [];
  const account = [...(await lockAccounts(tx, byBalance)).values()][0];
  const payment = (await lockPayments(tx, [paymentId])).get(paymentId) ?? found;
  if (isReservedRefundId(id)) {
    throw differs(id);
  }
  const charge = capturedCharge(payment);
  const amountMinor = amountOf(payment, charge, request);
  const writes = createPendingWrites();
  const atMost = request.atMost || request.amount === undefined;
  const refund = { id, paymentId, amountMinor, reason, atMost, source: "SHOP", actor } as const;
  changePayment(writes, payment, { refundedMinor: payment.refundedMinor + amountMinor });
  if (charge.paymentMethod === "") {
    if (account === undefined) {
      throw new Error(`payment ${paymentId} was paid by the account ${accountKey(charge)}, which is gone`);
    }
    writes.newRefunds.push({ ...refund, state: "SUCCEEDED", askInMs: null });
    addRefundSuccess(writes, payment, refund, account.id);
  } else {
    writes.newRefunds.push({ ...refund, state: "PENDING", askInMs: firstAskMs });
  }
  await writePending(tx, ledger, writes);
}

function differs(id: string): DomainError {
  const message = `refund ${id} exists with another payment, amount or reason; choose another refund_id`;
  return new DomainError(reasons, "REFUND_DIFFERS", message, { refund_id: id });
}

function capturedCharge({ id, state, charge }: Payment): ChargeContent {
  if (state !== "CAPTURED" || charge === undefined) {
    const message = `payment ${id} is ${state}; only a CAPTURED payment can be refunded`;
    throw new DomainError(reasons, "PAYMENT_NOT_CAPTURED", message, { payment_id: id, state });
  }
  return charge;
}

function amountOf(payment: Payment, { currency }: ChargeContent, { amount, atMost }: RefundRequest): bigint {
  const left = leftMinor(payment);
  if (amount !== undefined) {
    sameCurrency({ currencyCode: currency, minorUnits: left }, amount);
  }
  const wanted = amount?.minorUnits ?? left;
  const amountMinor = atMost && wanted > left ? left : wanted;
  if (amountMinor > left || amountMinor === 0n) {
    const message = `payment ${payment.id} has ${left} minor units left to refund`;
    const metadata = { payment_id: payment.id, left_minor_units: left.toString() };
    throw new DomainError(reasons, "REFUND_TOO_HIGH", message, metadata);
  }
  return amountMinor;
}
