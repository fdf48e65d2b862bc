import type { Env } from "../process/config.ts";
import type { Log } from "../process/log.ts";
import { atMost } from "../time/at-most.ts";
import { readTraceEnv } from "./env.ts";
import { setTracer } from "./trace.ts";

export type TracingOptions = {
  /** The process's name, unless OTEL_SERVICE_NAME is set. */
  readonly service: string;
  readonly log: Log;
  readonly env?: Env;
};

export type Tracing = AsyncDisposable;

/**
 * Turns tracing on in this process, if the variables say so; otherwise OpenTelemetry is not loaded. Disposing of it sends
 * the remaining spans, for at most two seconds, so that an unreachable collector does not keep a process from exiting. Call
 * it before the server, the pool and the worker are made: they check for a tracer once. Throws ConfigError.
 */
export async function startTracing({ service, log, env = process.env }: TracingOptions): Promise<Tracing | undefined> {
  const config = readTraceEnv(env);
  if (config === undefined) {
    return undefined;
  }
  const { openTelemetry } = await import("./open-telemetry.ts");
  const { tracer, shutdown } = openTelemetry({ service, config, log });
  setTracer(tracer);
  return {
    async [Symbol.asyncDispose]() {
      setTracer(undefined);
      const sent = shutdown().catch((error) => log.warn({ error }, "the last spans could not be sent"));
      await atMost(2_000, sent);
    },
  };
}
