import { type Link, ROOT_CONTEXT, type SpanContext, SpanKind, TraceFlags, trace } from "@opentelemetry/api";
import { SamplingDecision } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import type { TraceConfig } from "./env.ts";
import { samplerOf } from "./sampler.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const kept: SpanContext = { traceId, spanId: "00f067aa0ba902b7", traceFlags: TraceFlags.SAMPLED };
const dropped: SpanContext = { ...kept, traceFlags: TraceFlags.NONE };

function isKept(
  name: TraceConfig["OTEL_TRACES_SAMPLER"],
  { parent, links = [] }: { parent?: SpanContext; links?: SpanContext[] },
): boolean {
  const sampler = samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: 0 });
  const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
  const of = links.map((context): Link => ({ context }));
  return (
    sampler.shouldSample(context, traceId, "x", SpanKind.INTERNAL, {}, of).decision ===
    SamplingDecision.RECORD_AND_SAMPLED
  );
}

test("a batch is sampled if one of its members is, whatever the ratio", () => {
  expect(isKept("parentbased_traceidratio", {})).toBe(false);
  expect(isKept("parentbased_traceidratio", { links: [dropped, kept] })).toBe(true);
  expect(isKept("parentbased_traceidratio", { links: [dropped] })).toBe(false);
});

test("a child span is sampled if its parent is", () => {
  expect(isKept("parentbased_always_on", { parent: dropped, links: [kept] })).toBe(false);
  expect(isKept("parentbased_always_off", { parent: kept })).toBe(true);
});

test("always_off samples nothing, and always_on everything", () => {
  expect(isKept("always_off", { parent: kept, links: [kept] })).toBe(false);
  expect(isKept("always_on", { parent: dropped })).toBe(true);
});
