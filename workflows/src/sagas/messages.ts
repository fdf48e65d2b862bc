import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";

/** The task queue of the checkout worker. */
export const taskQueue = "checkout";

/** Input of `checkout`, the workflow of a batch of orders. */
export type CheckoutInput = {
  readonly orderIds: readonly string[];
  /** Run all steps first in a row, as one activity. Absent in batches recorded before there was that. */
  readonly atOnce?: boolean;
};
/** How many orders the batch settled, how many moved to workflows of their own, and the same for people. */
export type CheckoutResult = { readonly settled: number; readonly handedOver: number; readonly summary: string };

/** Input of `order`, the workflow of one order that waits for something or is a poison order. */
export type OrderInput = { readonly orderId: string };

/** Input of `refund`, the workflow that pays money back on a completed order. */
export type RefundInput = { readonly orderId: string; readonly refundId: string; readonly paymentRefundId: string };

/** A new payment attempt was requested for the order. Accepted once the workflow knows. */
export const payUpdate = defineUpdate<void, []>("pay");
/** A cancellation of the order was requested. Accepted once the workflow knows. */
export const cancelUpdate = defineUpdate<void, []>("cancel");
/** A provider has answered: ask again for the outcome. */
export const settledSignal = defineSignal<[]>("settled");
/** An operator wants the failing step retried at once. */
export const retrySignal = defineSignal<[]>("retry");
/** The workflow's current step, and how often it was tried. */
export const progressQuery = defineQuery<Progress>("progress");

export type Progress = {
  readonly step: string;
  readonly attempt: number;
  readonly waiting: boolean;
  readonly lastError: string;
};
