import { expect, test } from "vitest";
import { readTraceEnv } from "./env.ts";

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

test.each([
  ["no collector is named", {}],
  ["an empty name is given", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }],
  ["the SDK is disabled", { ...endpoint, OTEL_SDK_DISABLED: "TRUE" }],
  ["nothing is to be exported", { ...endpoint, OTEL_TRACES_EXPORTER: "none" }],
])("tracing is off if %s", (_, env) => {
  expect(readTraceEnv(env)).toBeUndefined();
});

test("a collector for traces alone is enough", () => {
  const defaults = { OTEL_TRACES_SAMPLER: "parentbased_always_on", OTEL_SPAN_LINK_COUNT_LIMIT: 1_000 };
  expect(readTraceEnv(endpoint)).toMatchObject(defaults);
  expect(readTraceEnv({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector:4318/v1/traces" })).toMatchObject(
    defaults,
  );
});

test.each([
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
  ["OTEL_TRACES_SAMPLER", "sometimes"],
  ["OTEL_TRACES_SAMPLER_ARG", "1.5"],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"],
])("%s=%s is refused, naming the variable", (name, value) => {
  expect(() => readTraceEnv({ ...endpoint, [name]: value })).toThrow(name);
});
