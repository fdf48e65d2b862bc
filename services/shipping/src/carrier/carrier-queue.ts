import type { Address } from "@sagacart/proto/type/v1/address";
import {
  createProviderQueue,
  type NoAnswer,
  type ProviderQueue,
  type ProviderQueueOptions,
} from "@sagacart/provider/provider-queue";
import type { Carrier, CarrierAnswer } from "./carrier.ts";

/** A shipment that the carrier is asked to take. */
export type Job = { readonly orderId: string; readonly address: Address };

export type Result = { readonly orderId: string; readonly answer: CarrierAnswer | NoAnswer };

/** The calls that ask the carrier to take shipments. */
export type CarrierQueue = ProviderQueue<Job, Result>;

export type CarrierQueueOptions = Pick<
  ProviderQueueOptions<Job, Result>,
  "concurrency" | "timeoutMs" | "log" | "writeLate"
> & { carrier: Carrier };

export function createCarrierQueue({ carrier, ...options }: CarrierQueueOptions): CarrierQueue {
  return createProviderQueue({
    ...options,
    provider: "carrier",
    keyOf: ({ orderId }) => orderId,
    call: async ({ orderId, address }, signal): Promise<Result> => ({
      orderId,
      answer: await carrier.create(orderId, address, signal),
    }),
    withoutAnswer: ({ orderId }, why) => ({ orderId, answer: { kind: why } }),
    logFields: ({ orderId }) => ({ orderId }),
  });
}
