/** Returns the variables with which a process sends all its traces to the trace server at this URL. */
export function tracedEnv(processName: string, url: string): Readonly<Record<string, string>> {
  return {
    // Instead of whatever this terminal has for a collector of its own.
    OTEL_SDK_DISABLED: "false",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
    OTEL_TRACES_SAMPLER: "parentbased_always_on",
    // A person looks at a trace a moment after the click.
    OTEL_BSP_SCHEDULE_DELAY: "500",
    ...(processName === "gateway" ? { TRACES_URL: url } : {}),
  };
}
