import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "@sagacart/proto/opentelemetry/collector/trace/v1/trace_service";
import type { SpanSchema } from "@sagacart/proto/opentelemetry/trace/v1/trace";
import { expect } from "vitest";

export type SpanInit = MessageInitShape<typeof SpanSchema>;

/** Sends spans by OTLP to the trace server at this address, as another program's. */
export async function sendSpans(address: string, spans: readonly SpanInit[], service = "another"): Promise<void> {
  const request = create(ExportTraceServiceRequestSchema, {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { value: { case: "stringValue", value: service } } }] },
        scopeSpans: [{ spans: [...spans] }],
      },
    ],
  });
  const answer = await fetch(`http://${address}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: new Uint8Array(toBinary(ExportTraceServiceRequestSchema, request)),
  });
  expect(answer.status).toBe(200);
}

export function idBytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** Makes as many spans of one trace, below this span if there is one. */
export function manySpans(count: number, { traceId, below = "" }: { traceId: string; below?: string }): SpanInit[] {
  const begin = BigInt(Date.now()) * 1_000_000n;
  return Array.from({ length: count }, (_, n) => ({
    traceId: idBytes(traceId),
    spanId: idBytes(`a${n.toString(16).padStart(15, "0")}`),
    parentSpanId: idBytes(below),
    name: `task ${n}`,
    startTimeUnixNano: begin + BigInt(n) * 1_000n,
    endTimeUnixNano: begin + BigInt(n) * 1_000n + 500_000n,
  }));
}
