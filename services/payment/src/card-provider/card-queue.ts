import { createProviderQueue, type ProviderQueue, type ProviderQueueOptions } from "@sagacart/provider/provider-queue";
import type { CardProvider } from "./card-provider.ts";
import { type Job, jobKey, type Result, withoutAnswer } from "./job.ts";

/** The calls to the card provider. */
export type CardQueue = ProviderQueue<Job, Result>;

export type CardQueueOptions = Pick<
  ProviderQueueOptions<Job, Result>,
  "concurrency" | "timeoutMs" | "log" | "onAnswer" | "writeLate"
> & { cardProvider: CardProvider };

export function createCardQueue({ cardProvider, ...options }: CardQueueOptions): CardQueue {
  return createProviderQueue({
    ...options,
    provider: "card provider",
    keyOf: jobKey,
    call: (job, signal) => ask(cardProvider, job, signal),
    withoutAnswer,
    logFields: (job) => ({ job: jobKey(job), paymentId: job.paymentId }),
  });
}

async function ask(cardProvider: CardProvider, job: Job, signal: AbortSignal): Promise<Result> {
  const { paymentId } = job;
  switch (job.kind) {
    case "charge":
      return { kind: "charge", paymentId, answer: await cardProvider.charge(paymentId, job.charge, signal) };
    case "cancel":
      return { kind: "cancel", paymentId, answer: await cardProvider.cancel(paymentId, signal) };
    case "refund": {
      const { refundId, refusals } = job;
      const key = refusals === 0 ? refundId : `${refundId}.${refusals}`;
      return { kind: "refund", paymentId, refundId, answer: await cardProvider.refund(key, job, signal) };
    }
    default:
      return job satisfies never;
  }
}
