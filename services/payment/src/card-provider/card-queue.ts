import { createProviderQueue, type ProviderQueue, type ProviderQueueOptions } from "@sagacart/provider/provider-queue";
import { ask } from "./ask.ts";
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
