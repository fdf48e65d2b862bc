import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import { type Account, accountKey } from "../accounts/account.ts";
import { lockAccounts } from "../accounts/account-store.ts";
import { type Job, jobKey, jobOfPayment, jobOfRefund } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type PaidBack, type PaidBackAmounts, type Refund, voidRefundId } from "../refunds/refund.ts";
import { findOpenRefunds, findPaidBack } from "../refunds/refund-store.ts";
import type { ChargeOptions } from "./charge.ts";
import { CollisionError, retryOnCollision } from "./collision.ts";
import { type Payment, paymentEvent } from "./payment.ts";
import { findByOrders, insertPayments, lockByOrders, type NewPayment } from "./payment-store.ts";
import {
  addRefundSuccess,
  changeState,
  createPendingWrites,
  type PendingWrites,
  payBackCommand,
  settledCommand,
  writePending,
} from "./pending-writes.ts";

/** The attempt of an order to undo; 0: all attempts, or the first if there is none. */
export type Target = { readonly orderId: string; readonly attempt: number };

/**
 * The outcome of a void. `waits`: the card provider may still capture it, or its refund is not settled. `refused`: the
 * provider refuses for good to pay the amount back.
 */
export type Voided =
  | { readonly kind: "voided"; readonly refunded: boolean; readonly payBack: PaidBack }
  | { readonly kind: "waits" }
  | { readonly kind: "refused"; readonly reason: string; readonly currency: string; readonly amountMinor: bigint };

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
    // A charge that is cancelled may turn out to be captured, and then needs a refund; a refund that is refused, another
    // one of what is left.
    const asked = new Set<string>();
    for (let round = 1; round <= mostRounds; round++) {
      const jobs = current.jobs.filter((job) => !asked.has(jobKey(job)));
      const leftMs = endMs - performance.now();
      if (jobs.length === 0 || leftMs <= 0) {
        break;
      }
      for (const job of jobs) {
        asked.add(jobKey(job));
      }
      await writeResults(await cardQueue.ask(jobs, leftMs), { answering: true });
      current = await readTargets(pool, targets);
    }
    const waiting = new Set(current.jobs.map(({ paymentId }) => paymentId));
    const refused = Map.groupBy(current.refused, ({ orderId }) => orderId);
    if (refused.size > 0) {
      // Again, in case that its incident was resolved although nothing is settled.
      await withTransaction(pool, (tx) => recordCommands(tx, [...refused.keys()].map(payBackCommand)));
      commands.notify();
    }
    const attempts = Map.groupBy(current.payments, ({ orderId }) => orderId);
    const paidBack = await findPaidBack(
      pool,
      current.payments.filter(({ capturedMinor }) => capturedMinor > 0n).map(({ id }) => id),
    );
    return targets.map(({ orderId }) =>
      outcomeOf(attempts.get(orderId) ?? [], { waiting, refused: refused.get(orderId) ?? [], paidBack }),
    );
  };
}

/** Ends a void whose provider changes its mind without end. */
const mostRounds = 5;

type Read = { payments: Payment[]; jobs: Job[]; refused: Refund[] };

/** Reads the payments, and what the card provider is still to be asked about them. */
async function readTargets(pool: Pool, targets: readonly Target[]): Promise<Read> {
  const payments = selectTargets(await findByOrders(pool, orderIdsOf(targets)), targets);
  const cards = payments.filter(({ charge }) => charge !== undefined && charge.paymentMethod !== "");
  if (cards.length === 0) {
    return { payments, jobs: [], refused: [] };
  }
  const refunds = await findOpenRefunds(
    pool,
    cards.map(({ id }) => id),
  );
  const voided = cards.filter(({ state }) => state === "VOIDED");
  return {
    payments,
    jobs: [...voided.flatMap(jobOfPayment), ...refunds.flatMap(jobOfRefund)],
    refused: refunds.filter(({ state }) => state === "REFUSED"),
  };
}

type Settled = {
  /** The payments about which the provider has not decided. */
  readonly waiting: ReadonlySet<string>;
  readonly refused: readonly Refund[];
  /** By the payment's id. */
  readonly paidBack: ReadonlyMap<string, PaidBackAmounts>;
};

function outcomeOf(payments: readonly Payment[], { waiting, refused, paidBack }: Settled): Voided {
  if (payments.some(({ id }) => waiting.has(id))) {
    return { kind: "waits" };
  }
  const [first] = refused;
  if (first !== undefined) {
    const amountMinor = refused.reduce((sum, refund) => sum + refund.amountMinor, 0n);
    return { kind: "refused", reason: first.failureReason, currency: first.currency, amountMinor };
  }
  const captured = payments.filter(({ capturedMinor }) => capturedMinor > 0n);
  const amounts = captured.flatMap(({ id }) => paidBack.get(id) ?? []);
  return {
    kind: "voided",
    refunded: captured.length > 0,
    payBack: {
      currency: captured[0]?.charge?.currency ?? "",
      paidBackMinor: amounts.reduce((sum, { paidBackMinor }) => sum + paidBackMinor, 0n),
      settledMinor: amounts.reduce((sum, { settledMinor }) => sum + settledMinor, 0n),
    },
  };
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
  const { id, charge, state, capturedMinor, refundedMinor } = payment;
  if (charge === undefined || state === "VOIDED" || state === "DECLINED") {
    return;
  }
  if (state === "PENDING") {
    // The provider may have charged it already: it is asked to cancel.
    changeState(writes, payment, { state: "VOIDED", askInMs: firstAskMs });
    if (payment.asks > 0) {
      writes.commands.push(settledCommand(payment, "VOIDED"));
    }
    return;
  }
  changeState(writes, payment, { state: "VOIDED", refundedMinor: capturedMinor });
  const amountMinor = capturedMinor - refundedMinor;
  if (amountMinor === 0n) {
    return;
  }
  const reason = "the order was undone";
  const refund = { id: voidRefundId(id), paymentId: id, amountMinor, reason, source: "UNDO" } as const;
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
