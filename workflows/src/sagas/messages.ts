import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";

/** The task queue of the checkout worker. */
export const taskQueue = "checkout";

/** The workflow that carries a batch of orders. */
export type CheckoutInput = {
  readonly orderIds: readonly string[];
  /** All steps in a row first, as one activity. Absent in batches from before there was that. */
  readonly atOnce?: boolean;
};
/** What became of a batch: how many orders were settled by it, and how many went on in workflows of their own. */
export type CheckoutResult = { readonly settled: number; readonly handedOver: number };

/** The workflow that carries one order, which waits for something or is hard to carry. */
export type OrderInput = { readonly orderId: string };

/** The workflow that pays money back on a completed order. */
export type RefundInput = { readonly orderId: string; readonly refundId: string; readonly paymentRefundId: string };

/** The order has a new attempt to be paid. Accepted once the workflow knows. */
export const payUpdate = defineUpdate<void, [{ attempt: number }]>("pay");
/** Somebody asked to cancel the order. Accepted once the workflow knows. */
export const cancelUpdate = defineUpdate<void, []>("cancel");
/** The world outside has said something: ask again what became of it. */
export const settledSignal = defineSignal<[]>("settled");
/** An operator wants the step that fails tried at once. */
export const retrySignal = defineSignal<[]>("retry");
/** What the workflow is doing: its step, and how often that was tried. */
export const progressQuery = defineQuery<Progress>("progress");

export type Progress = {
  readonly step: string;
  readonly attempt: number;
  readonly waiting: boolean;
  readonly lastError: string;
};
