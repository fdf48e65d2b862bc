import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
} from "@temporalio/workflow";
import { badFailure, type Carry, type Codes, type StepInput, type Steps } from "./steps.ts";

/** The steps that take orders and answer a code for each. */
export type StepName = "reserve" | "charge" | "ship" | "undo";

/** What the workflow tells of itself while it tries. */
export type Attempts = { step: string; attempt: number; lastError: string };

/** No history but a marker; what does not succeed in this way is tried as an ordinary activity. */
const local = proxyLocalActivities<Steps>({
  startToCloseTimeout: "5 s",
  retry: {
    maximumAttempts: 3,
    initialInterval: "100 ms",
    maximumInterval: "1 s",
    nonRetryableErrorTypes: [badFailure],
  },
});

/** Tried once: when it fails, the steps are tried one by one. */
export const { carry } = proxyLocalActivities<Carry>({ startToCloseTimeout: "10 s", retry: { maximumAttempts: 1 } });

/** Ten tries in about a minute; then somebody is told. */
const ordinary = proxyActivities<Steps>({
  startToCloseTimeout: "30 s",
  retry: {
    maximumAttempts: 10,
    initialInterval: "500 ms",
    maximumInterval: "10 s",
    nonRetryableErrorTypes: [badFailure],
  },
});

/** For what must be said in the end: tries without end. */
export const persistent = proxyActivities<Steps>({
  startToCloseTimeout: "30 s",
  retry: { initialInterval: "500 ms", maximumInterval: "30 s" },
});

export type TryOptions<T> = {
  /** For the incident. */
  step: string;
  orderId: string;
  workflowId: string;
  /** Runs the step with one of the two kinds of activity. */
  run: (steps: Pick<Steps, Exclude<keyof Steps, "raiseIncident" | "clearIncident">>) => Promise<T>;
  /** Whether a failure that no other try will mend is thrown, or tried again and again with an incident. */
  throwBad: boolean;
  attempts: Attempts;
  /** Becomes true when an operator wants it tried at once; reset when it is. */
  retryNow: { asked: boolean };
};

/**
 * Has a step succeed. Who is busy or down is asked again without end: first locally, then by ordinary activities, and
 * after ten of these an operator is told by an incident, which is cleared when the step succeeds after all.
 */
export async function untilDone<T>(options: TryOptions<T>): Promise<T> {
  const { step, orderId, workflowId, run, throwBad, attempts, retryNow } = options;
  Object.assign(attempts, { step, attempt: 1, lastError: "" });
  try {
    return await run(local);
  } catch (error) {
    if (throwBad && isBad(error)) {
      throw error;
    }
    attempts.lastError = describe(error);
  }
  let raised = false;
  for (let round = 1; ; round++) {
    attempts.attempt = round + 1;
    try {
      const result = await run(ordinary);
      if (raised) {
        await persistent.clearIncident({ orderId, step });
      }
      return result;
    } catch (error) {
      if (throwBad && isBad(error)) {
        throw error;
      }
      attempts.lastError = describe(error);
    }
    await persistent.raiseIncident({ orderId, workflowId, step, error: attempts.lastError, attempts: round });
    raised = true;
    await condition(() => retryNow.asked, pauseMs(round));
    retryNow.asked = false;
  }
}

/** Runs a step over orders. */
export function stepOver(name: StepName, input: StepInput): (steps: Pick<Steps, StepName>) => Promise<Codes> {
  return (steps) => steps[name](input);
}

/** A failure that no other try will mend. */
export function isBad(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === badFailure;
}

function describe(error: unknown): string {
  const cause = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

/** A minute, and longer each time, up to an hour. */
function pauseMs(round: number): number {
  return Math.min(60_000 * 2 ** (round - 1), 3_600_000);
}
