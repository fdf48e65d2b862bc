import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Code } from "@connectrpc/connect";
import { afterEach, expect, test, vi } from "vitest";
import { callContext, runWithContext } from "../context.ts";
import { createPool } from "../postgres/pool.ts";
import { createLog } from "../process/log.ts";
import { coalesce } from "../rpc/coalesce.ts";
import { failure } from "../rpc/interceptors/trace.ts";
import { type OtlpSink, startOtlpSink } from "../testing/otlp-sink.ts";
import type { Span } from "./span.ts";
import { startTracing } from "./start.ts";
import { inSpan, startSpan, tracer } from "./trace.ts";
import { traceIdOf } from "./traceparent.ts";

const log = createLog({ service: "test", level: "silent" });
const cleanUp: AsyncDisposable[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const part of cleanUp.splice(0).toReversed()) {
    await part[Symbol.asyncDispose]();
  }
});

/** This process traces from now on; send() has the collector have all of it. */
async function traced(env: Record<string, string> = {}): Promise<OtlpSink & { send(): Promise<void> }> {
  const sink = await startOtlpSink();
  // The exporter reads where the collector is by itself.
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url);
  const tracing = await startTracing({ service: "test", log, env: { ...process.env, ...env } });
  cleanUp.push(sink);
  return Object.assign(sink, { send: async () => await tracing?.[Symbol.asyncDispose]() });
}

function begin(name: string): Span {
  const span = tracer()?.start(name, {});
  if (span === undefined) {
    throw new Error("this process does not trace");
  }
  return span;
}

test("a run for calls of several traces has its own trace, linked in both directions", async () => {
  const sink = await traced();
  const run = coalesce<number, number>({
    name: "run",
    maxItems: 10,
    maxConcurrent: 1,
    run: async (items) => await inSpan(startSpan("within"), async () => items),
  });

  const [one, two] = [begin("one"), begin("two")];
  await Promise.all([inSpan(one, () => run(1)), inSpan(two, () => run(2)), run(3)]);
  await sink.send();

  const shared = sink.spans.find(({ name }) => name === "run");
  const callers = [one, two].map(({ traceparent }) => traceIdOf(traceparent));
  expect(callers).not.toContain(shared?.traceId);
  expect(shared?.links.map(({ traceId }) => traceId)).toEqual(callers);
  const linked = sink.spans.filter(({ name }) => name === "one" || name === "two");
  expect(linked.map(({ links }) => links[0]?.traceId)).toEqual([shared?.traceId, shared?.traceId]);
  expect(sink.spans.find(({ name }) => name === "within")?.parentSpanId).toBe(shared?.spanId);
});

test("a run for one call is in its trace", async () => {
  const sink = await traced();
  const run = coalesce<number, number>({ name: "run", maxItems: 10, maxConcurrent: 1, run: async (items) => items });

  const one = begin("one");
  await inSpan(one, () => run(1));
  await sink.send();

  expect(sink.spans.find(({ name }) => name === "run")?.traceId).toBe(traceIdOf(one.traceparent));
});

test("a statement that waited for a connection is in the waiting caller's trace, not in the releasing one's", async () => {
  const sink = await traced();
  const url = process.env.TEST_POSTGRES_URL ?? "";
  const pool = createPool({ url, size: 1, applicationName: "test", log });
  const traces = await Promise.all(
    ["a", "b", "c"].map(async (name) => {
      const span = begin(name);
      await inSpan(span, () => pool.query({ name: `statement ${name}`, text: "select $1::text", values: ["secret"] }));
      return traceIdOf(span.traceparent);
    }),
  );
  await expect(
    inSpan(begin("wrong"), () => pool.query("select nothing from nowhere where nobody = 'secret'")),
  ).rejects.toThrow("nowhere");
  await pool.end();
  await sink.send();

  const statements = sink.spans.filter(({ name }) => name.startsWith("statement "));
  expect(new Map(statements.map(({ name, traceId }) => [name, traceId]))).toEqual(
    new Map(["a", "b", "c"].map((name, index) => [`statement ${name}`, traces[index]])),
  );
  expect(statements[0]?.attributes).toMatchObject({
    "db.query.summary": "statement a",
    "db.query.text": "select $1::text",
  });
  expect(JSON.stringify(statements)).not.toContain("secret");
  expect(sink.spans.find(({ name }) => name === "SELECT")).toMatchObject({
    isError: true,
    attributes: { "db.response.status_code": "42P01", "error.type": "42P01" },
  });
});

test("the text of a long statement is shortened, and that of a named one only once", async () => {
  const sink = await traced();
  const pool = createPool({ url: process.env.TEST_POSTGRES_URL ?? "", size: 1, applicationName: "test", log });
  const shortening = vi.spyOn(Intl.Segmenter.prototype, "segment");
  cleanUp.push({ [Symbol.asyncDispose]: async () => shortening.mockRestore() });
  const text = (column: string) => `select '${"x".repeat(1_000)}' as ${column}`;
  await inSpan(begin("call"), async () => {
    for (const _ of [1, 2, 3]) await pool.query({ name: "long", text: text("named") });
    for (const _ of [1, 2]) await pool.query(text("unnamed"));
  });
  await pool.end();
  await sink.send();

  const texts = sink.spans.map(({ attributes }) => attributes["db.query.text"]).filter((sent) => sent !== undefined);
  expect(texts).toEqual(Array.from({ length: 5 }, () => text("").slice(0, 1_000)));
  expect(shortening).toHaveBeenCalledTimes(3);
});

test("outside of a trace, nothing starts one", async () => {
  const sink = await traced({ OTEL_TRACES_SAMPLER: "parentbased_always_off" });
  expect(startSpan("alone")).toBeUndefined();
  await inSpan(begin("dropped"), async () => {
    expect(startSpan("within")).toBeUndefined();
    expect(callContext()?.traceparent).toMatch(/-00$/);
  });
  await runWithContext({ requestId: "r-1" }, async () => expect(startSpan("untraced")).toBeUndefined());
  await sink.send();

  expect(sink.spans).toEqual([]);
});

test("a refusal is not an error", () => {
  expect([Code.FailedPrecondition, Code.NotFound, Code.InvalidArgument, Code.Aborted].map(failure)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect([failure(undefined), failure(Code.Internal), failure(Code.Unavailable)]).toEqual([
    undefined,
    "INTERNAL",
    "UNAVAILABLE",
  ]);
});

test("OpenTelemetry's SDK is not loaded without a collector", async () => {
  // prom-client loads the interfaces in any case.
  const program = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ resolve(name, context, next) { loaded.push(name); return next(name, context); } });
    const { startTracing } = await import(${JSON.stringify(new URL("./start.ts", import.meta.url).href)});
    await import(${JSON.stringify(new URL("../process/main.ts", import.meta.url).href)});
    const tracing = await startTracing({ service: "x", log: undefined, env: {} });
    process.stdout.write(String([tracing, loaded.length > 50, loaded.some((name) => /@opentelemetry.(?!api)/.test(name))]));`;

  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);

  expect(stdout).toBe(",true,false");
});
