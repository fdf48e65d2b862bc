import type { Env } from "../process/config.ts";
import type { Log } from "../process/log.ts";
import { atMost } from "../time/at-most.ts";
import { readTraceEnv } from "./env.ts";
import { setTracer } from "./trace.ts";

export type TracingOptions = {
  /** What the process is called where OTEL_SERVICE_NAME says nothing else. */
  readonly service: string;
  readonly log: Log;
  readonly env?: Env;
};

export type Tracing = AsyncDisposable;

/**
 * Has this process trace, where the variables say so; nothing of OpenTelemetry is loaded otherwise. Closing it sends
 * what is not sent yet, for at most two seconds: a collector that is away keeps nobody from ending. To be called before
 * the server, the pool and the worker are made, since they look at it then. Throws ConfigError.
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
