import { type DestinationStream, type Logger, pino } from "pino";
import { callContext } from "./context.ts";

export type Log = Logger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/**
 * A log that writes one JSON object a line to stdout: time (ISO), level, service, msg, and the request id and
 * customer of the call that it is written in.
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
  // Written at once: what is still to be written when a process exits comes out of order, or not at all.
  return pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true }));
}

function ofTheCall(): object {
  const context = callContext();
  if (context === undefined) {
    return {};
  }
  return { requestId: context.requestId, traceparent: context.traceparent, customerId: context.customerId };
}
