import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import { appendEvents } from "@sagacart/outbox/events/append";
import { type Account, accountKey } from "../accounts/account.ts";
import { lockAccounts } from "../accounts/account-store.ts";
import { type Job, jobOfPayment, jobOfRefund } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { voidRefundId } from "../refunds/refund.ts";
import { findPendingRefunds } from "../refunds/refund-store.ts";
import type { ChargeOptions } from "./charge.ts";
import { CollisionError, retryOnCollision } from "./collision.ts";
import { type Payment, paymentEvent } from "./payment.ts";
import { findByOrders, insertPayments, lockByOrders, type NewPayment } from "./payment-store.ts";
import {
  addRefundSuccess,
  changeState,
  createPendingWrites,
  type PendingWrites,
  writePending,
} from "./pending-writes.ts";

/** The attempt of an order to undo; 0: all attempts, or the first if there is none. */
export type Target = { readonly orderId: string; readonly attempt: number };

/** The outcome of a void. `waits`: the card provider may still capture it, or its refund is not settled. */
export type Voided = { readonly kind: "voided"; readonly refunded: boolean } | { readonly kind: "waits" };

/** Undoes payments of orders. Returns the outcomes in the order of the targets. */
export type VoidOrders = (targets: readonly Target[]) => Promise<Voided[]>;

export type VoidOptions = ChargeOptions & { commands: CommandOutbox };

export function voidOrders(options: VoidOptions): VoidOrders {
  const { pool, ledger, feed, commands, cardQueue, writeResults, timeoutMs, batchMs } = options;
  return async (targets) => {
    const endMs = performance.now() + batchMs;
    await retryOnCollision(pool, (tx) => record(tx, ledger, targets, batchMs + timeoutMs));
    feed.notify();
    commands.notify();
    let current = await readTargets(pool, targets);
    // Twice: a charge that is cancelled may turn out to be captured, and then needs a refund.
    for (const round of [1, 2]) {
      const asked = current.jobs.filter(({ kind }) => round === 1 || kind === "refund");
      const leftMs = endMs - performance.now();
      if (asked.length === 0 || leftMs <= 0) {
        break;
      }
      await writeResults(await cardQueue.ask(asked, leftMs), { answering: true });
      current = await readTargets(pool, targets);
    }
    const waiting = new Set(current.jobs.map(({ paymentId }) => paymentId));
    const attempts = Map.groupBy(current.payments, ({ orderId }) => orderId);
    return targets.map(({ orderId }) => outcomeOf(attempts.get(orderId) ?? [], waiting));
  };
}

/** Reads the payments, and what the card provider is still to be asked about them. */
async function readTargets(pool: Pool, targets: readonly Target[]): Promise<{ payments: Payment[]; jobs: Job[] }> {
  const payments = selectTargets(await findByOrders(pool, orderIdsOf(targets)), targets);
  const cards = payments.filter(({ charge }) => charge !== undefined && charge.paymentMethod !== "");
  if (cards.length === 0) {
    return { payments, jobs: [] };
  }
  const refunds = await findPendingRefunds(
    pool,
    cards.map(({ id }) => id),
  );
  const voided = cards.filter(({ state }) => state === "VOIDED");
  return { payments, jobs: [...voided.flatMap(jobOfPayment), ...refunds.flatMap(jobOfRefund)] };
}

function outcomeOf(payments: readonly Payment[], waiting: ReadonlySet<string>): Voided {
  return payments.some(({ id }) => waiting.has(id))
    ? { kind: "waits" }
    : { kind: "voided", refunded: payments.some(({ capturedMinor }) => capturedMinor > 0n) };
}

async function record(tx: Transaction, ledger: Ledger, targets: readonly Target[], firstAskMs: number): Promise<void> {
  const orderIds = orderIdsOf(targets);
  const found = selectTargets(await findByOrders(tx, orderIds), targets);
  // The accounts first, as a charge does, so that the two do not deadlock.
  const accounts = await lockAccounts(
    tx,
    found.flatMap(({ state, charge }) => (state === "CAPTURED" && charge?.paymentMethod === "" ? [charge] : [])),
  );
  await insertTombstones(tx, targets, found);
  const writes = createPendingWrites();
  for (const payment of selectTargets(await lockByOrders(tx, orderIds), targets)) {
    voidOne(writes, payment, accounts, firstAskMs);
  }
  await writePending(tx, ledger, writes);
}

/** Records a VOIDED payment for each order without one, so that a later charge is refused. */
async function insertTombstones(tx: Transaction, targets: readonly Target[], found: readonly Payment[]): Promise<void> {
  const existing = new Set(found.map(({ orderId }) => orderId));
  const tombstones = targets
    .filter(({ orderId }) => !existing.has(orderId))
    .map(({ orderId, attempt }): NewPayment => {
      const order = { orderId, attempt: Math.max(1, attempt) };
      return {
        id: uuidv7(),
        order,
        charge: undefined,
        reference: "",
        state: "VOIDED",
        declineReason: "",
        askInMs: null,
      };
    })
    .sort((a, b) => ((a.order?.orderId ?? "") < (b.order?.orderId ?? "") ? -1 : 1));
  const inserted = await insertPayments(tx, tombstones);
  const events = tombstones
    .filter(({ id }) => inserted.has(id))
    .map(({ order, ...payment }) =>
      paymentEvent({ ...payment, orderId: order?.orderId ?? "", attempt: order?.attempt ?? 0 }, "VOIDED", 1n),
    );
  await appendEvents(tx, events);
}

function voidOne(
  writes: PendingWrites,
  payment: Payment,
  accounts: ReadonlyMap<string, Account>,
  firstAskMs: number,
): void {
  const { id, charge, state, orderId, attempt, capturedMinor, refundedMinor } = payment;
  if (charge === undefined || state === "VOIDED" || state === "DECLINED") {
    return;
  }
  if (state === "PENDING") {
    // The provider may have charged it already: it is asked to cancel.
    changeState(writes, payment, { state: "VOIDED", askInMs: firstAskMs });
    if (payment.asks > 0) {
      writes.commands.push({ kind: "PAYMENT_SETTLED", subject: orderId, data: { attempt, state: "VOIDED" } });
    }
    return;
  }
  changeState(writes, payment, { state: "VOIDED", refundedMinor: capturedMinor });
  const amountMinor = capturedMinor - refundedMinor;
  if (amountMinor === 0n) {
    return;
  }
  const refund = {
    ...{ id: voidRefundId(id), paymentId: id, amountMinor },
    ...{ reason: "the order was undone", source: "UNDO" as const },
  };
  if (charge.paymentMethod !== "") {
    writes.newRefunds.push({ ...refund, state: "PENDING", askInMs: firstAskMs });
    return;
  }
  const account = accounts.get(accountKey(charge));
  if (account === undefined) {
    throw new CollisionError(`payment ${id} was captured in the meantime`);
  }
  writes.newRefunds.push({ ...refund, state: "SUCCEEDED", askInMs: null });
  addRefundSuccess(writes, payment, refund, account.id);
}

function selectTargets(payments: readonly Payment[], targets: readonly Target[]): Payment[] {
  const attempts = new Map(targets.map(({ orderId, attempt }) => [orderId, attempt]));
  return payments.filter(({ orderId, attempt }) => {
    const wanted = attempts.get(orderId);
    return wanted === 0 || wanted === attempt;
  });
}

function orderIdsOf(targets: readonly Target[]): string[] {
  return targets.map(({ orderId }) => orderId);
}
