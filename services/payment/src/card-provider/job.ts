import type { NoAnswer } from "@sagacart/provider/provider-queue";
import type { ChargeContent, Payment } from "../payments/payment.ts";
import type { Refund } from "../refunds/refund.ts";
import type { ChargeAnswer, ChargeReading, RefundAnswer, Refusal } from "./card-provider.ts";

/** A call to the card provider. */
export type Job =
  | { readonly kind: "charge"; readonly paymentId: string; readonly charge: ChargeContent }
  /** Cancels the charge of a VOIDED payment. */
  | { readonly kind: "cancel"; readonly paymentId: string }
  | {
      readonly kind: "refund";
      readonly paymentId: string;
      readonly refundId: string;
      readonly currency: string;
      readonly amountMinor: bigint;
      /** How often it was refused: each try has its own key, since the same key gets the same answer. */
      readonly refusals: number;
    };

/** The outcome of a job. */
export type Result =
  | {
      readonly kind: "charge" | "cancel";
      readonly paymentId: string;
      readonly answer: ChargeAnswer | NoAnswer;
    }
  | {
      readonly kind: "refund";
      readonly paymentId: string;
      readonly refundId: string;
      /** As they were in the job. */
      readonly refusals: number;
      readonly amountMinor: bigint;
      readonly answer: Exclude<RefundAnswer, Refusal> | RefusedRefund | NoAnswer;
    };

/** The refusal of a refund, with its charge as the provider has it. */
export type RefusedRefund = Refusal & { readonly reading: ChargeReading };

/** The job of a payment, if the provider is to be asked about it. */
export function jobOfPayment({ id, charge, state, isOpen }: Payment): Job[] {
  if (charge === undefined || !isOpen) {
    return [];
  }
  switch (state) {
    case "PENDING":
      return [{ kind: "charge", paymentId: id, charge }];
    case "VOIDED":
      return [{ kind: "cancel", paymentId: id }];
    default:
      return [];
  }
}

/** The job of a refund to a card, if it is PENDING. */
export function jobOfRefund({ id, paymentId, currency, amountMinor, refusals, state }: Refund): Job[] {
  return state === "PENDING" ? [{ kind: "refund", paymentId, refundId: id, currency, amountMinor, refusals }] : [];
}

/** Identifies a job: equal for equal jobs. */
export function jobKey(job: Job): string {
  return job.kind === "refund" ? `refund ${job.refundId} ${job.refusals}` : `${job.kind} ${job.paymentId}`;
}

export function withoutAnswer(job: Job, why: NoAnswer["kind"]): Result {
  const { paymentId } = job;
  const answer = { kind: why };
  return job.kind === "refund"
    ? {
        kind: "refund",
        paymentId,
        refundId: job.refundId,
        refusals: job.refusals,
        amountMinor: job.amountMinor,
        answer,
      }
    : { kind: job.kind, paymentId, answer };
}
