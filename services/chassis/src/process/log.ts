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
    serializers: { error: pino.stdSerializers.errWithCause },
  };
  // Synchronous: buffered lines would be written out of order, or lost, when the process exits.
  return pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true }));
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
