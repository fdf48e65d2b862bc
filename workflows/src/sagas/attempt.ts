import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
} from "@temporalio/workflow";
import { type Carry, poisonFailure, type Steps } from "./steps.ts";

/** The report of a workflow about its attempts, by the `progress` query. */
export type Attempts = { step: string; attempt: number; lastError: string };

/** Adds a marker to the history and nothing else. A step that fails here is retried as an ordinary activity. */
const local = proxyLocalActivities<Steps>({
  startToCloseTimeout: "5 s",
  retry: {
    maximumAttempts: 3,
    initialInterval: "100 ms",
    maximumInterval: "1 s",
    nonRetryableErrorTypes: [poisonFailure],
  },
});

/** Tried once: when it fails, the steps are run one by one. */
export const { carry } = proxyLocalActivities<Carry>({ startToCloseTimeout: "10 s", retry: { maximumAttempts: 1 } });

/** Ten attempts in about a minute, before an incident is raised. */
const ordinary = proxyActivities<Steps>({
  startToCloseTimeout: "30 s",
  retry: {
    maximumAttempts: 10,
    initialInterval: "500 ms",
    maximumInterval: "10 s",
    nonRetryableErrorTypes: [poisonFailure],
  },
});

/** Retried without end: for hand-overs and incidents. */
export const persistent = proxyActivities<Steps>({
  startToCloseTimeout: "30 s",
  retry: { initialInterval: "500 ms", maximumInterval: "30 s" },
});

export type RetryOptions<T> = {
  /** The step and the order that an incident names. */
  step: string;
  orderId: string;
  workflowId: string;
  /** Runs the step, with local or with ordinary activities. */
  run: (steps: Omit<Steps, "raiseIncident" | "clearIncident">) => Promise<T>;
  /** True to throw a poison failure; false to retry it like any other, with an incident. */
  throwPoison: boolean;
  attempts: Attempts;
  /** Set `asked` to retry at once; it is reset when that happens. */
  retryNow: { asked: boolean };
};

/**
 * Runs a step until it succeeds: first as a local activity, then as an ordinary one. After ten attempts of that it
 * raises an incident, pauses, and goes on; the incident is cleared when the step succeeds.
 */
export async function runWithRetries<T>(options: RetryOptions<T>): Promise<T> {
  const { step, orderId, workflowId, run, throwPoison, attempts, retryNow } = options;
  Object.assign(attempts, { step, attempt: 1, lastError: "" });
  try {
    return await run(local);
  } catch (error) {
    if (throwPoison && isPoison(error)) {
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
      if (throwPoison && isPoison(error)) {
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

/** Returns true for a failure that no retry mends. */
export function isPoison(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === poisonFailure;
}

function describe(error: unknown): string {
  const cause = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

/** A minute, doubled each round, up to an hour. */
function pauseMs(round: number): number {
  return Math.min(60_000 * 2 ** (round - 1), 3_600_000);
}
