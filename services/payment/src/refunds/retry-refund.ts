import { withTransaction } from "@sagacart/chassis/postgres/pool";
import { jobOfRefund } from "../card-provider/job.ts";
import type { ChargeOptions } from "../payments/charge.ts";
import { lockPayments } from "../payments/payment-store.ts";
import { refundNotFound } from "../reasons.ts";
import type { Refund } from "./refund.ts";
import { findRefunds, updateRefunds } from "./refund-store.ts";

/** Asks the card provider again for a refund that it refused for good. Returns it as it is then; others as they are. */
export type RetryRefund = (id: string) => Promise<Refund>;

export function retryRefund({
  pool,
  cardQueue,
  writeResults,
  timeoutMs,
  batchMs,
}: Pick<ChargeOptions, "pool" | "cardQueue" | "writeResults" | "timeoutMs" | "batchMs">): RetryRefund {
  const get = async (id: string) => {
    const refund = (await findRefunds(pool, [id])).get(id);
    if (refund === undefined) {
      throw refundNotFound(id);
    }
    return refund;
  };
  return async (id) => {
    const { paymentId } = await get(id);
    await withTransaction(pool, async (tx) => {
      await lockPayments(tx, [paymentId]);
      const refund = (await findRefunds(tx, [id])).get(id);
      if (refund?.state === "REFUSED") {
        // One for what was not left at the provider was refused without being asked for. From now on it shows that it was
        // refused, which has the incident of its order brought up to date when it is settled.
        const refusals = Math.max(refund.refusals, 1);
        const askInMs = batchMs + timeoutMs;
        await updateRefunds(tx, [{ ...refund, state: "PENDING", failureReason: "", refusals, askInMs }]);
      }
    });
    const jobs = jobOfRefund(await get(id));
    if (jobs.length > 0) {
      await writeResults(await cardQueue.ask(jobs, batchMs), { answering: false });
    }
    return await get(id);
  };
}
