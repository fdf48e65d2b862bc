import type { NoAnswer } from "@sagacart/provider/provider-queue";
import type { ChargeContent, Payment } from "../payments/payment.ts";
import type { Refund } from "../refunds/refund.ts";
import type { ChargeAnswer, RefundAnswer } from "./card-provider.ts";

/** What the provider is to be asked. */
export type Job =
  | { readonly kind: "charge"; readonly paymentId: string; readonly charge: ChargeContent }
  /** Not to charge what is VOIDED. */
  | { readonly kind: "cancel"; readonly paymentId: string }
  | {
      readonly kind: "refund";
      readonly paymentId: string;
      readonly refundId: string;
      readonly currency: string;
      readonly amountMinor: bigint;
      /** How often it was refused: each try has a key of its own, since the same key gets the same answer. */
      readonly refusals: number;
    };

/** What came of a job. */
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
      readonly answer: RefundAnswer | NoAnswer;
    };

/** What there is to ask about a payment, besides its refunds. */
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

/** What there is to ask about a refund of a card's payment. */
export function jobOfRefund({ id, paymentId, currency, amountMinor, refusals, state }: Refund): Job[] {
  return state === "PENDING" ? [{ kind: "refund", paymentId, refundId: id, currency, amountMinor, refusals }] : [];
}

/** Two jobs with the same one are the same. */
export function jobKey(job: Job): string {
  return job.kind === "refund" ? `refund ${job.refundId} ${job.refusals}` : `${job.kind} ${job.paymentId}`;
}

export function withoutAnswer(job: Job, why: NoAnswer["kind"]): Result {
  const { paymentId } = job;
  const answer = { kind: why };
  return job.kind === "refund"
    ? { kind: "refund", paymentId, refundId: job.refundId, answer }
    : { kind: job.kind, paymentId, answer };
}
