import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import {
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type IdGenerator, RandomIdGenerator, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Log } from "../process/log.ts";
import { truncate } from "../truncate.ts";
import type { TraceConfig } from "./env.ts";
import { ratioOf, samplerOf } from "./sampler.ts";
import type { Attributes, Link, Span, SpanOptions, Tracer } from "./span.ts";
import { isSampled, spanIdOf, toTraceparent, traceIdOf } from "./traceparent.ts";

export type OpenTelemetryOptions = { service: string; config: TraceConfig; log: Log };

/**
 * Creates a tracer on OpenTelemetry's SDK that sends its spans by OTLP. The current span is in our own call context, so the
 * SDK needs no context manager and no propagator, and patches nothing.
 */
export function openTelemetry(options: OpenTelemetryOptions): { tracer: Tracer; shutdown(): Promise<void> } {
  const { service, config, log } = options;
  diag.setLogger(problems(log), DiagLogLevel.WARN);
  const ids = new RandomIdGenerator();
  let nextSpanId: string | undefined;
  const idGenerator: IdGenerator = {
    generateTraceId: () => ids.generateTraceId(),
    generateSpanId: () => nextSpanId ?? ids.generateSpanId(),
  };
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": service,
      "service.namespace": "sagacart",
      "service.version": version(),
      "service.instance.id": `${hostname()}/${process.pid}`,
    }).merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(config),
    idGenerator,
    spanLimits: { linkCountLimit: config.OTEL_SPAN_LINK_COUNT_LIMIT },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        maxQueueSize: config.OTEL_BSP_MAX_QUEUE_SIZE,
        maxExportBatchSize: Math.min(config.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, config.OTEL_BSP_MAX_QUEUE_SIZE),
        scheduledDelayMillis: config.OTEL_BSP_SCHEDULE_DELAY,
        exportTimeoutMillis: config.OTEL_BSP_EXPORT_TIMEOUT,
      }),
    ],
  });
  const tracer = provider.getTracer("sagacart", version());
  return {
    tracer: {
      ratio: ratioOf(config),
      start(name, { kind, parent, attributes, links, startMs, spanId }: SpanOptions): Span {
        nextSpanId = spanId;
        const span = tracer.startSpan(
          name,
          {
            kind: kind === undefined ? SpanKind.INTERNAL : kinds[kind],
            ...(attributes === undefined ? {} : { attributes }),
            ...(links === undefined ? {} : { links: links.map(toLink) }),
            ...(startMs === undefined ? {} : { startTime: startMs }),
          },
          parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent)),
        );
        nextSpanId = undefined;
        const { traceId, spanId: id, traceFlags } = span.spanContext();
        return {
          traceparent: toTraceparent(traceId, id, (traceFlags & TraceFlags.SAMPLED) !== 0),
          recording: span.isRecording(),
          set: (more) => void span.setAttributes(more),
          link: (link) => void span.addLink(toLink(link)),
          end(error) {
            if (error !== undefined) {
              span.setAttribute("error.type", error);
              span.setStatus({ code: SpanStatusCode.ERROR });
            }
            span.end();
          },
        };
      },
    },
    shutdown: () => provider.shutdown(),
  };
}

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

function toLink({ traceparent, attributes }: Link): { context: SpanContext; attributes?: Attributes } {
  return { context: toSpanContext(traceparent), ...(attributes === undefined ? {} : { attributes }) };
}

function toSpanContext(traceparent: string): SpanContext {
  return {
    traceId: traceIdOf(traceparent),
    spanId: spanIdOf(traceparent),
    traceFlags: isSampled(traceparent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  };
}

/** Logs the SDK's problems, at most once a minute: an unreachable collector stays so for a while. */
function problems(log: Log) {
  let quietUntil = 0;
  let unsaid = 0;
  const tell = (message: string) => {
    if (performance.now() < quietUntil) {
      unsaid++;
      return;
    }
    log.warn({ problem: truncate(message, 500), unsaid }, "spans are lost or not sent");
    quietUntil = performance.now() + 60_000;
    unsaid = 0;
  };
  const silent = () => {};
  return { error: tell, warn: tell, info: silent, debug: silent, verbose: silent };
}

function version(): string {
  const file: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}
