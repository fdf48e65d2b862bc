import { type Env, int, oneOf, optional, type Parser, readEnv, url } from "../process/config.ts";

export type TraceConfig = NonNullable<ReturnType<typeof readTraceEnv>>;

/**
 * OpenTelemetry's own variables: what they mean is its specification's to say. Undefined where nothing is to be traced:
 * no collector is named, OTEL_SDK_DISABLED is true, or OTEL_TRACES_EXPORTER is none. Where the collector is, and what it
 * is sent beside the spans (headers, certificates, timeouts), the exporter reads by itself. Throws ConfigError.
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
      /** The part of the traces that is kept, where the sampler goes by it. */
      OTEL_TRACES_SAMPLER_ARG: ratio,
      /** As many as a batch has orders at most; the specification's 128 would cut the larger ones. */
      OTEL_SPAN_LINK_COUNT_LIMIT: int({ min: 0, max: 100_000, default: 1_000 }),
      /** What does not fit is dropped. Twice the specification's, for a busy worker. */
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
