import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "@sagacart/proto/opentelemetry/collector/trace/v1/trace_service";
import { type AnyValue, AnyValueSchema } from "@sagacart/proto/opentelemetry/common/v1/common";
import { Span_SpanKind, type SpanSchema, Status_StatusCode } from "@sagacart/proto/opentelemetry/trace/v1/trace";
import { expect, test } from "vitest";
import { decodeSpans } from "./otlp.ts";

type SpanInit = MessageInitShape<typeof SpanSchema>;
type Value = NonNullable<MessageInitShape<typeof AnyValueSchema>["value"]>;

function encoded(span: SpanInit, resource: Record<string, string> = { "service.name": "order" }): Uint8Array {
  const attributes = Object.entries(resource).map(([key, value]) => ({
    key,
    value: { value: { case: "stringValue" as const, value } },
  }));
  return toBinary(
    ExportTraceServiceRequestSchema,
    create(ExportTraceServiceRequestSchema, {
      resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }],
    }),
  );
}

const id = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

test("a span has its service, its ids in hex, its times in ms, its status, its attributes and its links", () => {
  const [span] = decodeSpans(
    encoded({
      traceId: id("0af7651916cd43dd8448eb211c80319c"),
      spanId: id("b7ad6b7169203331"),
      parentSpanId: id("00f067aa0ba902b7"),
      name: "record-commands",
      kind: Span_SpanKind.CLIENT,
      startTimeUnixNano: 1_764_520_000_123_456_789n,
      endTimeUnixNano: 1_764_520_000_125_456_789n,
      attributes: [{ key: "db.namespace", value: { value: { case: "stringValue", value: "orders" } } }],
      links: [
        {
          traceId: id("11111111111111111111111111111111"),
          spanId: id("2222222222222222"),
          attributes: [{ key: "sagacart.order.id", value: { value: { case: "stringValue", value: "o-1" } } }],
        },
      ],
      status: { code: Status_StatusCode.ERROR, message: "23505" },
    }),
  );

  expect(span).toEqual({
    service: "order",
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "record-commands",
    kind: "client",
    startMs: expect.closeTo(1_764_520_000_123.4568, 3),
    ms: 2,
    isError: true,
    statusMessage: "23505",
    attributes: { "db.namespace": "orders" },
    links: [
      {
        traceId: "11111111111111111111111111111111",
        spanId: "2222222222222222",
        attributes: { "sagacart.order.id": "o-1" },
      },
    ],
  });
});

test.each<[string, Value, unknown]>([
  ["a text", { case: "stringValue", value: "a" }, "a"],
  ["false", { case: "boolValue", value: false }, false],
  ["a whole number", { case: "intValue", value: -3n }, -3],
  ["a whole number that is not exact as a number", { case: "intValue", value: 2n ** 62n }, "4611686018427387904"],
  ["a fraction", { case: "doubleValue", value: 0.5 }, 0.5],
  ["bytes", { case: "bytesValue", value: new Uint8Array([1, 2]) }, "AQI="],
  ["a list", { case: "arrayValue", value: { values: [{ value: { case: "intValue", value: 1n } }, {}] } }, "[1,null]"],
  [
    "a map",
    {
      case: "kvlistValue",
      value: { values: [{ key: "__proto__", value: { value: { case: "boolValue", value: true } } }] },
    },
    '{"__proto__":true}',
  ],
  ["nothing", { case: undefined }, undefined],
])("an attribute of %s keeps its value", (_, value, expected) => {
  const given: AnyValue = create(AnyValueSchema, { value });
  const [span] = decodeSpans(encoded({ attributes: [{ key: "a", value: given }] }));
  expect(span?.attributes).toEqual({ a: expected });
});

test("a span without a resource, kind and status is internal, of no service, and no error", () => {
  expect(decodeSpans(encoded({ name: "x" }, {}))).toMatchObject([
    { service: "", name: "x", kind: "internal", parentSpanId: "", isError: false, statusMessage: "" },
  ]);
});

test("a body that is not protobuf is refused", () => {
  expect(() => decodeSpans(new TextEncoder().encode("not protobuf"))).toThrow();
});
