import { type Behaviour, faultless, soonMs } from "@sagacart/provider/fake/faults";
import type { Faults } from "./charge-store.ts";

export type FaultTimes = {
  /** How late pm_slow is charged and answered. */
  readonly slowMs: number;
  /** How late the webhook of pm_late comes. */
  readonly lateMs: number;
};

/** The payment method says what goes wrong. An unknown one is declined. */
export function behaviourOf(paymentMethod: string, { slowMs, lateMs }: FaultTimes): Behaviour {
  switch (paymentMethod) {
    case "pm_ok":
      return faultless;
    case "pm_declined":
      return { ...faultless, refusal: "card_declined" };
    case "pm_no_funds":
      return { ...faultless, refusal: "insufficient_funds" };
    case "pm_slow":
      return { ...faultless, answerMs: slowMs, decideMs: slowMs };
    case "pm_lost_answer":
      return { ...faultless, losesAnswer: true };
    case "pm_twice":
      return { ...faultless, decideMs: soonMs, webhooks: 2 };
    case "pm_late":
      return { ...faultless, decideMs: lateMs, webhooks: 1 };
    case "pm_down":
      return { ...faultless, failures: 3 };
    default:
      return refusingMethod.test(paymentMethod)
        ? { ...faultless, ...(paymentMethod.startsWith("pm_cancel_") ? { decideMs: lateMs, webhooks: 1 } : {}) }
        : { ...faultless, refusal: "unknown_payment_method" };
  }
}

/**
 * The calls that are refused for good about a charge with this payment method: pm_refund_charge_disputed is charged, and
 * each refund is refused as "charge_disputed". With pm_cancel_… the charge is decided late, so that it can be cancelled.
 */
export function faultsOf(paymentMethod: string): Faults {
  const [, call = "", reason = ""] = refusingMethod.exec(paymentMethod) ?? [];
  return call === "" ? {} : { [call]: reason };
}

const refusingMethod = /^pm_(charge|cancel|refund)_([a-z0-9_]{1,60})$/;
