/** How the provider behaves towards one charge. Times in milliseconds from when it was first asked. */
export type Behaviour = {
  /** It declines, for this reason. */
  readonly decline?: string;
  /** When it has decided; until then it answers "pending". */
  readonly decideMs: number;
  /** The first answer comes this late. */
  readonly answerMs: number;
  /** The first answer is lost: the connection is cut. */
  readonly losesAnswer: boolean;
  /** How often it is unavailable before it takes it. */
  readonly failures: number;
  /** How often the webhook with its decision is sent. */
  readonly webhooks: number;
};

export type FaultTimes = {
  /** How late pm_slow is charged and answered. */
  readonly slowMs: number;
  /** How late the webhook of pm_late comes. */
  readonly lateMs: number;
};

/** The payment method says what is to go wrong. One that it does not know is declined. */
export function behaviourOf(paymentMethod: string, { slowMs, lateMs }: FaultTimes): Behaviour {
  switch (paymentMethod) {
    case "pm_ok":
      return good;
    case "pm_declined":
      return { ...good, decline: "card_declined" };
    case "pm_no_funds":
      return { ...good, decline: "insufficient_funds" };
    case "pm_slow":
      return { ...good, answerMs: slowMs, decideMs: slowMs };
    case "pm_lost_answer":
      return { ...good, losesAnswer: true };
    case "pm_twice":
      return { ...good, decideMs: soonMs, webhooks: 2 };
    case "pm_late":
      return { ...good, decideMs: lateMs, webhooks: 1 };
    case "pm_down":
      return { ...good, failures: 3 };
    default:
      return { ...good, decline: "unknown_payment_method" };
  }
}

/** Long enough that the first answer is "pending", so that the webhooks have something to tell. */
const soonMs = 250;

const good: Behaviour = { decideMs: 0, answerMs: 0, losesAnswer: false, failures: 0, webhooks: 0 };
