import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { ApplicationFailure } from "@temporalio/common";
import { poisonFailure, transientFailure } from "../sagas/steps.ts";

/** Turns the errors of activities into failures that say whether a retry may help. Keeps names and signatures. */
export function withFailures<Activities extends object>(activities: Activities): Activities {
  const wrapped = Object.entries(activities).map(([name, run]) => [
    name,
    async (input: never) => {
      try {
        return await (run as (input: never) => Promise<unknown>)(input);
      } catch (error) {
        throw toFailure(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as Activities;
}

/**
 * Turns an error of a service into a failure of an activity. A service that is down, busy or slow is asked again. Any
 * other error is a bug or a poison order: refusals are answers, and are not thrown.
 */
export function toFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) {
    return error;
  }
  const { code, reason, domain, message } = errorInfo(error);
  const isTransient = transientCodes.has(code);
  return ApplicationFailure.create({
    message: `${Code[code]}${reason === "" ? "" : ` ${domain}/${reason}`}: ${message}`,
    type: isTransient ? transientFailure : poisonFailure,
    nonRetryable: !isTransient,
    ...(error instanceof Error ? { cause: error } : {}),
  });
}

const transientCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Aborted,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.ResourceExhausted,
]);
