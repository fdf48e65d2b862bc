import { type DestinationStream, type Logger, pino } from "pino";
import { callContext } from "../context.ts";
import { spanIdOf, traceIdOf } from "../trace/traceparent.ts";

export type Log = Logger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/**
 * Creates a log that writes one JSON object a line to stdout: time (ISO), level, service, msg, and the request id, customer
 * and trace of the current call.
 */
export function createLog(options: { service: string; level: LogLevel; destination?: DestinationStream }): Log {
  const settings = {
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: ofTheCall,
    serializers: { error: withoutDetails },
  };
  // Synchronous: buffered lines would be written out of order, or lost, when the process exits.
  return pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true }));
}

/**
 * Serializes an error with its causes, without the `detail` of Postgres' errors: it has the values of a row, such as
 * "Key (email)=(…) already exists", which may be personal. The constraint and the table stay.
 */
function withoutDetails(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const copy = pino.stdSerializers.errWithCause(error);
  removeDetails(copy);
  return copy;
}

function removeDetails(copy: unknown): void {
  if (typeof copy !== "object" || copy === null) {
    return;
  }
  Reflect.deleteProperty(copy, "detail");
  if ("cause" in copy) {
    removeDetails(copy.cause);
  }
  if ("aggregateErrors" in copy && Array.isArray(copy.aggregateErrors)) {
    copy.aggregateErrors.forEach(removeDetails);
  }
}

function ofTheCall(): object {
  const context = callContext();
  if (context === undefined) {
    return {};
  }
  const { requestId, traceparent, customerId } = context;
  return traceparent === undefined
    ? { requestId, customerId }
    : { requestId, customerId, traceId: traceIdOf(traceparent), spanId: spanIdOf(traceparent) };
}
