/** How the carrier behaves towards one shipment. Times in milliseconds from when it was first asked. */
export type Behaviour = {
  /** It does not take it, for this reason. */
  readonly refusal?: string;
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
  /** How late 00001 is answered: past the deadline of whoever asks. */
  readonly overdueMs: number;
  /** How late 00002 is answered. */
  readonly slowMs: number;
  /** How late the webhook of 00005 comes. */
  readonly lateMs: number;
};

/** The postal code says what is to go wrong. Any other one is taken at once. */
export function behaviourOf(postalCode: string, { overdueMs, slowMs, lateMs }: FaultTimes): Behaviour {
  switch (postalCode) {
    case "00000":
      return { ...good, refusal: "undeliverable_address" };
    case "00001":
      return { ...good, answerMs: overdueMs, webhooks: 1 };
    case "00002":
      return { ...good, answerMs: slowMs };
    case "00003":
      return { ...good, losesAnswer: true };
    case "00004":
      return { ...good, decideMs: soonMs, webhooks: 2 };
    case "00005":
      return { ...good, decideMs: lateMs, webhooks: 1 };
    case "00006":
      return { ...good, failures: 3 };
    default:
      return good;
  }
}

/** Long enough that the first answer is "pending", so that the webhooks have something to tell. */
const soonMs = 250;

const good: Behaviour = { decideMs: 0, answerMs: 0, losesAnswer: false, failures: 0, webhooks: 0 };
