import type { Actor } from "@sagacart/chassis/auth/actor";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { callerGuard, once } from "@sagacart/chassis/postgres/request-ids";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { jobOfPayment } from "../card-provider/job.ts";
import { accountNotFound } from "../reasons.ts";
import type { ChargeOptions } from "./charge.ts";
import { startCharging, writeCharges } from "./decide.ts";
import type { ChargeContent, Payment } from "./payment.ts";
import { findPayments, insertPayments, setPaymentActor } from "./payment-store.ts";

/** Makes a payment without an order, once for each request id. Returns it as it is then. */
export type CreatePayment = (request: NewPaymentRequest) => Promise<Payment>;

export type NewPaymentRequest = {
  readonly charge: ChargeContent;
  readonly reference: string;
  readonly requestId: string;
  readonly fingerprint: Uint8Array;
  readonly actor: Actor;
};

export function createPayment(options: ChargeOptions): CreatePayment {
  const { pool, ledger, feed, cardQueue, writeResults, timeoutMs, batchMs } = options;
  return async ({ charge, reference, requestId, fingerprint, actor }) => {
    const guard = callerGuard(charge.customerId, { requestId, fingerprint });
    const { resourceId } = await once(
      pool,
      { scope: charge.customerId, requestId, method: "CreatePayment", fingerprint, guard },
      async (tx) => {
        const decide = await startCharging(tx, [charge]);
        const decided = decide({ order: undefined, charge, reference }, batchMs + timeoutMs);
        const { declineReason } = decided.payment;
        if (declineReason === "no_account" || declineReason === "currency_mismatch") {
          throw accountNotFound(charge);
        }
        await insertPayments(tx, [decided.payment]);
        await setPaymentActor(tx, decided.payment.id, actor);
        await writeCharges(tx, ledger, [decided]);
        return decided.payment.id;
      },
    );
    const payment = await get(pool, feed, resourceId);
    const jobs = payment.state === "PENDING" ? jobOfPayment(payment) : [];
    if (jobs.length === 0) {
      return payment;
    }
    await writeResults(await cardQueue.ask(jobs, batchMs), { answering: true });
    return await get(pool, feed, resourceId);
  };
}

async function get(pool: Pool, feed: EventFeed, id: string): Promise<Payment> {
  feed.notify();
  const payment = (await findPayments(pool, [id])).get(id);
  if (payment === undefined) {
    throw new Error(`payment ${id} was recorded but is gone`);
  }
  return payment;
}
