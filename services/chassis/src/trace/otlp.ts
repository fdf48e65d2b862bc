import { fromBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "@sagacart/proto/opentelemetry/collector/trace/v1/trace_service";
import type { AnyValue, KeyValue } from "@sagacart/proto/opentelemetry/common/v1/common";
import { type Span, Span_SpanKind, Status_StatusCode } from "@sagacart/proto/opentelemetry/trace/v1/trace";
import type { Attributes, SpanOptions } from "./span.ts";

/** A span as it came over OTLP. Ids are hex digits, times are ms since the epoch with a fraction. */
export type SentSpan = {
  /** The resource's `service.name`. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "internal" | NonNullable<SpanOptions["kind"]>;
  readonly startMs: number;
  readonly ms: number;
  readonly isError: boolean;
  /** The text of its status, mostly that of an error. */
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
};

/** Decodes an ExportTraceServiceRequest in protobuf. Throws if the body is not one. */
export function decodeSpans(body: Uint8Array): SentSpan[] {
  return fromBinary(ExportTraceServiceRequestSchema, body).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource?.attributes ?? [])["service.name"] ?? "");
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toSpan(service, span)));
  });
}

function toSpan(service: string, span: Span): SentSpan {
  return {
    service,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    name: span.name,
    kind: kinds.get(span.kind) ?? "internal",
    startMs: toMs(span.startTimeUnixNano),
    ms: Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
    isError: span.status?.code === Status_StatusCode.ERROR,
    statusMessage: span.status?.message ?? "",
    attributes: attributesOf(span.attributes),
    links: span.links.map(({ traceId, spanId, attributes }) => ({
      traceId: hex(traceId),
      spanId: hex(spanId),
      attributes: attributesOf(attributes),
    })),
  };
}

const kinds: ReadonlyMap<Span_SpanKind, SentSpan["kind"]> = new Map([
  [Span_SpanKind.SERVER, "server"],
  [Span_SpanKind.CLIENT, "client"],
  [Span_SpanKind.PRODUCER, "producer"],
  [Span_SpanKind.CONSUMER, "consumer"],
]);

function attributesOf(pairs: readonly KeyValue[]): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue(value)]));
}

/** Returns a value as what JSON has; a list, a map and bytes as a text. */
function plainValue(value: AnyValue | undefined): string | number | boolean | undefined {
  const plain = nested(value);
  return typeof plain === "object" ? JSON.stringify(plain) : plain;
}

type Nested = string | number | boolean | undefined | readonly Nested[] | { readonly [key: string]: Nested };

function nested(given: AnyValue | undefined): Nested {
  const { case: kind, value } = given?.value ?? { case: undefined, value: undefined };
  switch (kind) {
    case "intValue":
      // A number that is not exact would be another one.
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "bytesValue":
      return Buffer.from(value).toString("base64");
    case "arrayValue":
      return value.values.map(nested);
    case "kvlistValue":
      return Object.fromEntries(value.values.map((pair) => [pair.key, nested(pair.value)]));
    case "stringValue":
    case "boolValue":
    case "doubleValue":
      return value;
    default:
      return undefined;
  }
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}

/** Divides before it converts: a number has no room for the nanoseconds since 1970. */
function toMs(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
}
