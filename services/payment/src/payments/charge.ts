import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import type { CardQueue } from "../card-provider/card-queue.ts";
import { type Job, jobOfPayment } from "../card-provider/job.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { CollisionError, retryOnCollision } from "./collision.ts";
import { type Decided, startCharging, type Wanted, writeCharges } from "./decide.ts";
import { type Intent, isLive, isSame, otherIsLive, type Payment } from "./payment.ts";
import { findByOrders, findPayments, insertPayments, type NewPayment } from "./payment-store.ts";
import type { WriteResults } from "./results.ts";

/** The outcome of an intent. `differs`: the attempt had other content. `exists`: another attempt of the order is live. */
export type Outcome =
  | { readonly kind: "captured"; readonly paymentId: string }
  | { readonly kind: "declined"; readonly paymentId: string; readonly reason: string }
  | { readonly kind: "waits"; readonly paymentId: string }
  | { readonly kind: "voided" }
  | { readonly kind: "differs" }
  | { readonly kind: "exists" };

/** Charges orders independently of each other. Returns the outcomes in the order of the intents. */
export type ChargeOrders = (intents: readonly Intent[]) => Promise<Outcome[]>;

export type ChargeOptions = {
  pool: Pool;
  ledger: Ledger;
  feed: EventFeed;
  cardQueue: CardQueue;
  writeResults: WriteResults;
  /** When a call to the card provider is given up. */
  timeoutMs: number;
  /** How long a batch waits for the card provider. */
  batchMs: number;
};

export function chargeOrders(options: ChargeOptions): ChargeOrders {
  const { pool, ledger, feed, cardQueue, writeResults, timeoutMs, batchMs } = options;
  return async (intents) => {
    // By then these calls have ended, or this process has.
    const recorded = await retryOnCollision(pool, (tx) => record(tx, ledger, intents, batchMs + timeoutMs));
    feed.notify();
    const jobs = recorded.flatMap(({ job }) => job);
    if (jobs.length === 0) {
      return recorded.map(({ outcome }) => outcome);
    }
    await writeResults(await cardQueue.ask(jobs, batchMs), { answering: true });
    const after = await findPayments(
      pool,
      jobs.map(({ paymentId }) => paymentId),
    );
    return recorded.map(({ outcome, job }) => {
      const payment = after.get(job[0]?.paymentId ?? "");
      return payment === undefined ? outcome : outcomeOf(payment);
    });
  };
}

type Recorded = { readonly outcome: Outcome; readonly job: readonly Job[] };

async function record(
  tx: Transaction,
  ledger: Ledger,
  intents: readonly Intent[],
  firstAskMs: number,
): Promise<Recorded[]> {
  const orderIds = intents.map(({ orderId }) => orderId);
  const known = Map.groupBy(await findByOrders(tx, orderIds), ({ orderId }) => orderId);
  const before = intents.map((intent) => knownOutcome(intent, known.get(intent.orderId) ?? []));
  const fresh = intents.filter((_, index) => before[index] === undefined);
  const blocked = new Set([...known].filter(([, attempts]) => attempts.some(isLive)).map(([orderId]) => orderId));
  const decided = await recordFresh(tx, ledger, fresh, { blocked, firstAskMs });
  return intents.map((intent, index) => before[index] ?? ofNew(intent, decided.get(intent.orderId)));
}

/** Finds the outcome of an intent that was recorded before; undefined for a new one. */
function knownOutcome(intent: Intent, attempts: readonly Payment[]): Recorded | undefined {
  const same = attempts.find(({ attempt }) => attempt === intent.attempt);
  if (same === undefined) {
    return undefined;
  }
  if (!isSame(same, intent)) {
    return { outcome: { kind: "differs" }, job: [] };
  }
  // A PENDING one is asked for again, with the same key.
  return { outcome: outcomeOf(same), job: same.state === "PENDING" ? jobOfPayment(same) : [] };
}

/** Records new intents. The `blocked` orders have another attempt that is live. */
async function recordFresh(
  tx: Transaction,
  ledger: Ledger,
  intents: readonly Intent[],
  { blocked, firstAskMs }: { blocked: ReadonlySet<string>; firstAskMs: number },
): Promise<Map<string, NewPayment>> {
  if (intents.length === 0) {
    return new Map();
  }
  const charge = await startCharging(
    tx,
    intents.filter(({ orderId }) => !blocked.has(orderId)),
  );
  const decided = intents.map(({ orderId, attempt, ...content }): Decided => {
    const wanted = { order: { orderId, attempt }, charge: content, reference: "" };
    return blocked.has(orderId) ? { payment: refused(wanted), account: undefined } : charge(wanted, firstAskMs);
  });
  // Sorted, so that two batches with the same orders do not deadlock.
  const payments = decided
    .map(({ payment }) => payment)
    .sort((a, b) => ((a.order?.orderId ?? "") < (b.order?.orderId ?? "") ? -1 : 1));
  const inserted = await insertPayments(tx, payments);
  if (inserted.size < payments.length) {
    throw new CollisionError("an order of the batch was charged or voided in the meantime");
  }
  await writeCharges(tx, ledger, decided);
  return new Map(decided.map(({ payment }) => [payment.order?.orderId ?? "", payment]));
}

/** Makes a refusal, stored like any other: a repeat is refused too, also after the other attempt is undone. */
function refused(wanted: Wanted): NewPayment {
  return { ...wanted, id: uuidv7(), state: "DECLINED", declineReason: otherIsLive, askInMs: null };
}

function ofNew({ orderId }: Intent, payment: NewPayment | undefined): Recorded {
  if (payment === undefined) {
    throw new Error(`the intent for order ${orderId} was neither found nor recorded`);
  }
  const { id: paymentId, charge, state } = payment;
  const job: Job[] = state === "PENDING" && charge !== undefined ? [{ kind: "charge", paymentId, charge }] : [];
  return { outcome: outcomeOf(payment), job };
}

function outcomeOf({ id: paymentId, state, declineReason }: Pick<Payment, "id" | "state" | "declineReason">): Outcome {
  switch (state) {
    case "CAPTURED":
      return { kind: "captured", paymentId };
    case "DECLINED":
      return declineReason === otherIsLive
        ? { kind: "exists" }
        : { kind: "declined", paymentId, reason: declineReason };
    case "PENDING":
      return { kind: "waits", paymentId };
    case "VOIDED":
      return { kind: "voided" };
    default:
      return state satisfies never;
  }
}
