import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { type Amount, sameCurrency } from "@sagacart/chassis/money";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import type { Ledger } from "../ledger/ledger.ts";
import type { Payment } from "../payments/payment.ts";
import { lockPayments } from "../payments/payment-store.ts";
import {
  addRefundSuccess,
  createPendingWrites,
  payBackCommand,
  settledCommand,
  writePending,
} from "../payments/pending-writes.ts";
import { reasons, refundNotFound } from "../reasons.ts";
import { handRefundId, type Refund } from "./refund.ts";
import { findRefunds } from "./refund-store.ts";
import { cover } from "./refused-refund.ts";

export type Settlement = {
  /** The refund that the provider refuses. */
  readonly refundId: string;
  /** Absent: all of the refund. */
  readonly amount: Amount | undefined;
  readonly reason: string;
  readonly actor: Actor;
  readonly requestId: string;
  readonly fingerprint: Uint8Array;
};

/**
 * Records that a customer was paid back by hand what the card provider refuses to, once for each request id. Returns the
 * refund by hand. What it pays is taken off the refused one.
 */
export type SettleByHand = (settlement: Settlement) => Promise<Refund>;

export type SettleByHandOptions = { pool: Pool; ledger: Ledger; feed: EventFeed; commands: CommandOutbox };

export function settleByHand({ pool, ledger, feed, commands }: SettleByHandOptions): SettleByHand {
  return async (settlement) => {
    const { requestId, fingerprint, refundId } = settlement;
    // Not the scope of any customer: an id has no slash.
    const request = { scope: "/settlements", requestId, method: "SettleRefund", fingerprint };
    const { resourceId } = await once(pool, request, async (tx) => {
      const id = handRefundId(uuidv7());
      await record(tx, ledger, settlement, id);
      return id;
    });
    feed.notify();
    commands.notify();
    const settled = (await findRefunds(pool, [resourceId])).get(resourceId);
    if (settled === undefined) {
      throw new Error(`the settlement ${resourceId} of refund ${refundId} was recorded but is gone`);
    }
    return settled;
  };
}

async function record(tx: Transaction, ledger: Ledger, settlement: Settlement, id: string): Promise<void> {
  const { refundId, reason, actor } = settlement;
  const { payment, refused } = await lockRefused(tx, refundId);
  const amountMinor = amountOf(refused, settlement.amount);
  const writes = createPendingWrites();
  cover(writes, [refused], amountMinor);
  const byHand = { id, paymentId: payment.id, amountMinor, reason, source: "HAND", actor } as const;
  writes.newRefunds.push({ ...byHand, state: "SUCCEEDED", askInMs: null });
  addRefundSuccess(writes, payment, byHand, "settled:by_hand");
  writes.commands.push(payBackCommand(payment.orderId), settledCommand(payment, "VOIDED"));
  await writePending(tx, ledger, writes, actor);
}

/** Locks the payment of a refund that is REFUSED: it does not change before this transaction ends. */
async function lockRefused(tx: Transaction, refundId: string): Promise<{ payment: Payment; refused: Refund }> {
  const found = (await findRefunds(tx, [refundId])).get(refundId);
  const payment = found && (await lockPayments(tx, [found.paymentId])).get(found.paymentId);
  const refused = (await findRefunds(tx, [refundId])).get(refundId);
  if (payment === undefined || refused === undefined) {
    throw refundNotFound(refundId);
  }
  if (refused.state !== "REFUSED") {
    const { state } = refused;
    const message = `refund ${refundId} is ${state}; only one that the card provider refuses for good (REFUSED) is settled by hand`;
    throw new DomainError(reasons, "REFUND_NOT_REFUSED", message, { refund_id: refundId, state });
  }
  return { payment, refused };
}

function amountOf({ id, currency, amountMinor: openMinor }: Refund, amount: Amount | undefined): bigint {
  if (amount !== undefined) {
    sameCurrency({ currencyCode: currency, minorUnits: openMinor }, amount);
  }
  const amountMinor = amount?.minorUnits ?? openMinor;
  if (amountMinor > openMinor) {
    const message = `refund ${id} has ${openMinor} minor units that are not settled`;
    const metadata = { refund_id: id, left_minor_units: openMinor.toString() };
    throw new DomainError(reasons, "SETTLEMENT_TOO_HIGH", message, metadata);
  }
  return amountMinor;
}
