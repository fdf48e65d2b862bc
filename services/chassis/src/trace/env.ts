import { type Env, int, oneOf, optional, type Parser, readEnv, url } from "../process/config.ts";

export type TraceConfig = NonNullable<ReturnType<typeof readTraceEnv>>;

/**
 * Reads OpenTelemetry's own variables, as its specification defines them. Returns undefined if tracing is off: no
 * collector is named, OTEL_SDK_DISABLED is true, or OTEL_TRACES_EXPORTER is none. The exporter reads its own variables
 * (endpoint, headers, certificates, timeouts) by itself. Throws ConfigError.
 */
export function readTraceEnv(env: Env) {
  const named = (env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || "") !== "";
  if (!named || env.OTEL_SDK_DISABLED?.toLowerCase() === "true" || env.OTEL_TRACES_EXPORTER === "none") {
    return undefined;
  }
  const protocol = oneOf(["http/protobuf"], "http/protobuf");
  const endpoint = optional(url({ protocols: ["http:", "https:"] }));
  return readEnv(
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
      OTEL_TRACES_EXPORTER: oneOf(["otlp"], "otlp"),
      OTEL_TRACES_SAMPLER: oneOf(
        [
          "always_on",
          "always_off",
          "traceidratio",
          "parentbased_always_on",
          "parentbased_always_off",
          "parentbased_traceidratio",
        ],
        "parentbased_always_on",
      ),
      /** The ratio of traces to sample, for samplers that use one. */
      OTEL_TRACES_SAMPLER_ARG: ratio,
      /** The most members of a batch; the specification's default of 128 would cut the links of larger ones. */
      OTEL_SPAN_LINK_COUNT_LIMIT: int({ min: 0, max: 100_000, default: 1_000 }),
      /** Spans that do not fit are dropped. Twice the specification's default, for a busy worker. */
      OTEL_BSP_MAX_QUEUE_SIZE: int({ min: 1, max: 1_000_000, default: 4_096 }),
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: int({ min: 1, max: 100_000, default: 512 }),
      OTEL_BSP_SCHEDULE_DELAY: int({ min: 1, max: 600_000, default: 5_000 }),
      OTEL_BSP_EXPORT_TIMEOUT: int({ min: 1, max: 600_000, default: 30_000 }),
    },
    env,
  );
}

const ratio: Parser<number> = (value) => {
  const given = value ?? "1";
  const number = Number(given);
  if (!(number >= 0 && number <= 1)) {
    throw new Error(`must be a number from 0 to 1, got ${JSON.stringify(given)}`);
  }
  return number;
};
