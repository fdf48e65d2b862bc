import { type Behaviour, faultless, soonMs } from "@sagacart/provider/fake/faults";

export type FaultTimes = {
  /** How late 00001 is answered: past the deadline of the caller. */
  readonly overdueMs: number;
  /** How late 00002 is answered. */
  readonly slowMs: number;
  /** How late the webhook of 00005 comes. */
  readonly lateMs: number;
};

/** The postal code says what goes wrong. Any other one is accepted at once. */
export function behaviourOf(postalCode: string, { overdueMs, slowMs, lateMs }: FaultTimes): Behaviour {
  switch (postalCode) {
    case "00000":
      return { ...faultless, refusal: "undeliverable_address" };
    case "00001":
      return { ...faultless, answerMs: overdueMs, webhooks: 1 };
    case "00002":
      return { ...faultless, answerMs: slowMs };
    case "00003":
      return { ...faultless, losesAnswer: true };
    case "00004":
      return { ...faultless, decideMs: soonMs, webhooks: 2 };
    case "00005":
      return { ...faultless, decideMs: lateMs, webhooks: 1 };
    case "00006":
      return { ...faultless, failures: 3 };
    default:
      return faultless;
  }
}
