import { type Behaviour, faultless, soonMs } from "@sagacart/provider/fake/faults";

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
      return { ...faultless, refusal: "unknown_payment_method" };
  }
}
