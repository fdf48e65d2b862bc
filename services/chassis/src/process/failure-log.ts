import { Code } from "@connectrpc/connect";
import { errorInfo } from "../errors.ts";
import { databaseFailure } from "../postgres/failure.ts";
import type { Log } from "./log.ts";

/**
 * Logs the failure of something that is tried again: as a warning if it passes by itself (a service, a database or a network
 * that is away or busy), else as an error. An error asks a person to do something; docs/error-log-lines.md says what.
 */
export function logFailure(
  log: Log,
  fields: { readonly error: unknown; readonly [field: string]: unknown },
  message: string,
): void {
  log[isPassing(fields.error) ? "warn" : "error"](fields, message);
}

/** Returns true for the failure of something outside this process that is away, busy or slow, by the error or its causes. */
export function isPassing(error: unknown): boolean {
  if (databaseFailure(error) !== undefined) {
    return true;
  }
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth++, at = at.cause) {
    if (passingNames.has(at.name) || passingCodes.has(errorInfo(at).code) || isPassingCode(at)) {
      return true;
    }
  }
  return false;
}

const passingCodes: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Unavailable,
]);

/** The names of errors by which a wait ended. */
const passingNames: ReadonlySet<string> = new Set(["AbortError", "TimeoutError"]);

/** Node's codes for networks, and the numbers of gRPC's codes, which errors of grpc-js have. */
const networkCodes: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_HTTP2_STREAM_ERROR",
]);

function isPassingCode(error: Error): boolean {
  if (!("code" in error)) {
    return false;
  }
  // `details` marks an error of grpc-js: a Code of Connect was looked at before.
  return networkCodes.has(error.code) || ("details" in error && passingCodes.has(Number(error.code)));
}
