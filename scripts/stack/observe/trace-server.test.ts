import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "@sagacart/proto/opentelemetry/collector/trace/v1/trace_service";
import type { SpanSchema } from "@sagacart/proto/opentelemetry/trace/v1/trace";
import { afterAll, beforeAll, expect, test } from "vitest";
import { largestBody, startTraceServer, type TraceServer } from "./trace-server.ts";

let server: TraceServer;
beforeAll(async () => {
  server = await startTraceServer(0);
});
afterAll(() => server[Symbol.asyncDispose]());

const protobuf = { "content-type": "application/x-protobuf" };
const ids = (n: number) => ({
  traceId: new Uint8Array(Buffer.from(n.toString(16).padStart(32, "0"), "hex")),
  spanId: new Uint8Array(Buffer.from(n.toString(16).padStart(16, "0"), "hex")),
});
const text = (n: number) => n.toString(16).padStart(32, "0");

function bodyOf(...spans: MessageInitShape<typeof SpanSchema>[]): Uint8Array<ArrayBuffer> {
  const request = create(ExportTraceServiceRequestSchema, { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  return new Uint8Array(toBinary(ExportTraceServiceRequestSchema, request));
}

const send = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = protobuf) =>
  fetch(`${server.url}/v1/traces`, { method: "POST", headers, body });

test("spans that came by OTLP are found by their trace, with those of its batch", async () => {
  const { status } = await send(bodyOf({ ...ids(1), name: "POST /v1/orders" }));
  const batch = { ...ids(2), name: "StartWorkflow:checkout", links: [ids(1)] };
  const zipped = await send(new Uint8Array(gzipSync(bodyOf(batch))), { ...protobuf, "content-encoding": "gzip" });
  expect([status, zipped.status]).toEqual([200, 200]);

  const answer = await fetch(`${server.url}/traces?id=${text(1)}`);

  expect(answer.headers.get("content-type")).toBe("application/json");
  const { spans, leftOut } = (await answer.json()) as { spans: { name: string }[]; leftOut: number };
  expect(spans.map(({ name }) => name).sort()).toEqual(["POST /v1/orders", "StartWorkflow:checkout"]);
  expect(leftOut).toBe(0);
});

test("a trace that is not kept has no spans, which is no error", async () => {
  const answer = await fetch(`${server.url}/traces?id=${text(99)}`);
  expect([answer.status, await answer.json()]).toEqual([200, { spans: [], leftOut: 0 }]);
});

test.each<[string, Uint8Array<ArrayBuffer>, Record<string, string>, number, RegExp]>([
  ["JSON", new TextEncoder().encode("{}"), { "content-type": "application/json" }, 415, /content-type/],
  ["a body without a type", new Uint8Array(1), {}, 415, /content-type/],
  ["what is no protobuf", new TextEncoder().encode("nothing"), protobuf, 400, /ExportTraceServiceRequest/],
  ["what is no gzip", bodyOf(), { ...protobuf, "content-encoding": "gzip" }, 400, /gzip/],
  ["an unknown encoding", bodyOf(), { ...protobuf, "content-encoding": "br" }, 415, /content-encoding/],
  ["a large body", new Uint8Array(largestBody + 1), protobuf, 413, /larger/],
  [
    "a small body that is large when it is unpacked",
    new Uint8Array(gzipSync(new Uint8Array(largestBody + 1))),
    { ...protobuf, "content-encoding": "gzip" },
    413,
    /larger/,
  ],
])("%s is refused, and says why", async (_, body, headers, status, message) => {
  const answer = await send(body, headers);
  expect([answer.status, await answer.json()]).toEqual([status, { error: expect.stringMatching(message) }]);
});

test.each<[string, number]>([
  ["GET /traces", 400],
  ["GET /traces?id=1", 400],
  [`GET /traces?id=${text(1).toUpperCase().replace("1", "G")}`, 400],
  ["GET /", 404],
  ["POST /traces", 404],
  ["GET /v1/traces", 404],
  ["GET //", 404],
])("%s is refused", async (what, status) => {
  const [method = "", path = ""] = what.split(" ");
  const answer = await fetch(`${server.url}${path}`, { method });
  expect([answer.status, await answer.json()]).toEqual([status, { error: expect.any(String) }]);
});

test("more traces than an order can have are refused", async () => {
  const query = Array.from({ length: 51 }, () => `id=${text(1)}`).join("&");
  expect((await fetch(`${server.url}/traces?${query}`)).status).toBe(400);
});

test("a page with a name of its own for this machine reads nothing", async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { host: "attacker.example" };
    request(`${server.url}/traces?id=${text(1)}`, { headers }, ({ statusCode }) => resolve(statusCode))
      .on("error", reject)
      .end();
  });
  expect(status).toBe(403);
});

test("a port that is taken is an error", async () => {
  await expect(startTraceServer(Number(new URL(server.url).port))).rejects.toThrow("EADDRINUSE");
});
