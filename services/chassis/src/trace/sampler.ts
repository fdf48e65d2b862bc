import { type Attributes, type Context, type Link, type SpanKind, TraceFlags, trace } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import type { TraceConfig } from "./env.ts";

type Choice = Pick<TraceConfig, "OTEL_TRACES_SAMPLER" | "OTEL_TRACES_SAMPLER_ARG">;

/** Creates the sampler that OTEL_TRACES_SAMPLER names. */
export function samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio }: Choice): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_on":
      return parentBased(new AlwaysOnSampler());
    case "parentbased_always_off":
      return parentBased(new AlwaysOffSampler());
    case "parentbased_traceidratio":
      return parentBased(new TraceIdRatioBasedSampler(ratio));
  }
}

/** Returns the share of the traces that begin here which that sampler samples. */
export function ratioOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio }: Choice): number {
  switch (name) {
    case "always_on":
    case "parentbased_always_on":
      return 1;
    case "always_off":
    case "parentbased_always_off":
      return 0;
    case "traceidratio":
    case "parentbased_traceidratio":
      return ratio;
  }
}

/**
 * Samples like ParentBasedSampler, but samples a trace that begins with links if one of the linked traces is sampled. Such
 * a trace is a batch's, and its links are its parents. Sampled by its own id, it would be missing from the sampled traces
 * of its members.
 */
function parentBased(root: Sampler): Sampler {
  const byParent = new ParentBasedSampler({ root });
  const kept = new AlwaysOnSampler();
  return {
    shouldSample(
      context: Context,
      traceId: string,
      name: string,
      kind: SpanKind,
      attributes: Attributes,
      links: Link[],
    ): SamplingResult {
      const isBatch = trace.getSpanContext(context) === undefined && links.some(isSampled);
      return isBatch ? kept.shouldSample() : byParent.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `${byParent} or by links`,
  };
}

function isSampled({ context }: Link): boolean {
  return (context.traceFlags & TraceFlags.SAMPLED) !== 0;
}
