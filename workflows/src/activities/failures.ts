import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { ApplicationFailure } from "@temporalio/common";
import { badFailure, busyFailure } from "../sagas/steps.ts";

/**
 * What an error of a service means to the saga. Who is down, busy or slow is asked again. Everything else is a bug, or
 * an order that trips over one: refusals are answers and do not come here.
 */
export function toFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) {
    return error;
  }
  const { code, reason, domain, message } = errorInfo(error);
  const busy = busyCodes.has(code);
  return ApplicationFailure.create({
    message: `${Code[code]}${reason === "" ? "" : ` ${domain}/${reason}`}: ${message}`,
    type: busy ? busyFailure : badFailure,
    nonRetryable: !busy,
    ...(error instanceof Error ? { cause: error } : {}),
  });
}

const busyCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Aborted,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.ResourceExhausted,
]);
