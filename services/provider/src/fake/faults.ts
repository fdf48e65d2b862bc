/** How a fake provider answers one request. Times in milliseconds from when it was first asked. */
export type Behaviour = {
  /** It refuses, for this reason; "" accepts. */
  readonly refusal: string;
  /** When it has decided; until then it answers "pending". */
  readonly decideMs: number;
  /** The first answer comes this late. */
  readonly answerMs: number;
  /** The first answer is lost: the connection is cut. */
  readonly losesAnswer: boolean;
  /** How often it is unavailable before it accepts. */
  readonly failures: number;
  /** How often the webhook with its decision is sent. */
  readonly webhooks: number;
};

/** Accepts at once. */
export const faultless: Behaviour = {
  refusal: "",
  decideMs: 0,
  answerMs: 0,
  losesAnswer: false,
  failures: 0,
  webhooks: 0,
};

/** A decision that takes long enough that the first answer is "pending" and its webhooks have something to say. */
export const soonMs = 250;
