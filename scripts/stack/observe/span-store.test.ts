import type { SentSpan } from "@sagacart/chassis/trace/otlp";
import { expect, test } from "vitest";
import { createSpanStore, usualLimits } from "./span-store.ts";

const traceId = (n: number) => n.toString(16).padStart(32, "0");
const spanId = (n: number) => n.toString(16).padStart(16, "0");

function aSpan(trace: number, span: number, more: Partial<SentSpan> = {}): SentSpan {
  return {
    service: "order",
    traceId: traceId(trace),
    spanId: spanId(span),
    parentSpanId: span === 1 ? "" : spanId(1),
    name: "name",
    kind: "server",
    startMs: span,
    ms: 1,
    isError: false,
    statusMessage: "",
    attributes: {},
    links: [],
    ...more,
  };
}

const linkTo = (...traces: number[]) =>
  traces.map((trace) => ({ traceId: traceId(trace), spanId: spanId(1), attributes: {} }));

const all = { spans: 1_000, bytes: 100_000_000 };
const limits = { spans: 100, bytes: 200_000, spansOfATrace: 20 };
const huge = "x".repeat(1_000_000);

test.each<[string, number, (n: number) => SentSpan]>([
  ["new traces", 2_000, (n) => aSpan(n, 1)],
  ["one trace that never ends", 2_000, (n) => aSpan(1, n)],
  ["a few traces that never end", 2_000, (n) => aSpan(n % 7, n)],
  ["the same span again and again", 2_000, () => aSpan(1, 1)],
  ["the same span with other links each time", 2_000, (n) => aSpan(1, 1, { links: linkTo(n) })],
  ["names", 50, (n) => aSpan(n, 1, { name: huge, service: huge, statusMessage: huge })],
  ["a value", 50, (n) => aSpan(n, 1, { attributes: { a: huge } })],
  ["a name of an attribute", 50, (n) => aSpan(n, 1, { attributes: { [huge]: 1 } })],
  [
    "values of one trace",
    500,
    (n) => aSpan(1, n, { attributes: { a: huge.slice(0, 5_000), b: huge.slice(0, 5_000) } }),
  ],
  [
    "attributes",
    20,
    (n) => aSpan(n, 1, { attributes: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`a${i}`, "value"])) }),
  ],
  ["links", 20, (n) => aSpan(n, 1, { links: linkTo(...Array.from({ length: 5_000 }, (_, i) => i)) })],
  [
    "links with attributes",
    20,
    (n) => aSpan(n, 1, { links: linkTo(1).map((link) => ({ ...link, attributes: { a: huge } })) }),
  ],
  ["traces of which nothing is kept", 500, (n) => aSpan(n, 1, { attributes: manyLongValues })],
])("a flood of %s takes no more than the limits", (_, times, make) => {
  const store = createSpanStore(limits);

  for (let n = 1; n <= times; n++) {
    store.add([make(n)]);
    const { traces, spans, bytes } = store.size();
    expect(spans).toBeLessThanOrEqual(limits.spans);
    expect(bytes).toBeLessThanOrEqual(limits.bytes);
    expect(traces).toBeLessThanOrEqual(bytes / 500);
  }
});

const manyLongValues = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`a${i}`, huge.slice(0, 1_000)]));

test("the size is what is there: nothing is counted that was removed or replaced", () => {
  const store = createSpanStore(limits);
  for (let n = 1; n <= 1_000; n++) {
    store.add([aSpan(n, 1, { name: "n".repeat(n % 50) }), aSpan(n, 1), aSpan(n, 2)]);
  }
  const kept = Array.from({ length: 1_000 }, (_, n) => store.find([traceId(n + 1)], all).spans).flat();
  expect(store.size().spans).toBe(kept.length);
  const ofSpans = kept.reduce((sum, span) => sum + 2 * JSON.stringify(span).length + 200, 0);
  expect(store.size().bytes).toBe(ofSpans + 500 * store.size().traces);
});

test("the trace to which nothing was added for the longest time goes first", () => {
  const store = createSpanStore({ ...limits, spans: 4 });
  store.add([aSpan(1, 1), aSpan(2, 1), aSpan(3, 1)]);
  store.add([aSpan(1, 2)]);
  store.add([aSpan(4, 1)]);

  const left = [1, 2, 3, 4].map((n) => store.find([traceId(n)], all).spans.length);
  expect(left).toEqual([2, 0, 1, 1]);
});

test("a value that is too long is cut, and the span is kept", () => {
  const store = createSpanStore();
  store.add([aSpan(1, 1, { attributes: { long: huge, short: "a", number: 1 } })]);
  expect(store.find([traceId(1)], all).spans[0]?.attributes).toEqual({
    long: huge.slice(0, 1_000),
    short: "a",
    number: 1,
  });
});

test("spans of a trace that has too many are counted", () => {
  const store = createSpanStore(limits);
  store.add(Array.from({ length: 25 }, (_, n) => aSpan(1, n + 1)));
  const { spans, leftOut } = store.find([traceId(1)], { ...all, spans: 15 });
  expect(spans.map(({ startMs }) => startMs)).toEqual(Array.from({ length: 15 }, (_, n) => n + 1));
  expect(leftOut).toBe(10);
});

test("an answer has as many spans as it has room for", () => {
  const store = createSpanStore();
  store.add(Array.from({ length: 25 }, (_, n) => aSpan(1, n + 1, { statusMessage: huge })));
  const { spans, leftOut } = store.find([traceId(1)], { ...all, bytes: 10_000 });
  expect([spans.length, leftOut]).toEqual([8, 17]);
});

test.each<[string, readonly SentSpan[], readonly number[]]>([
  ["a batch, which links to each of its orders", [aSpan(9, 1, { links: linkTo(1, 2) }), aSpan(9, 2)], [1, 9, 9]],
  [
    "what is shared by batches",
    [aSpan(9, 1, { links: linkTo(1, 2) }), aSpan(8, 1, { links: linkTo(9, 7) })],
    [1, 8, 9],
  ],
  ["not an order of the same batch", [aSpan(2, 1), aSpan(9, 1, { links: linkTo(1, 2) })], [1, 9]],
  // `command CHECKOUT` links forward, to the batch; the batch has other orders' commands, too.
  ["not what a later span links to", [aSpan(1, 2, { links: linkTo(5) }), aSpan(5, 1)], [1, 1]],
  [
    "traces that link to each other, once",
    [aSpan(9, 1, { links: linkTo(1, 8) }), aSpan(8, 1, { links: linkTo(9) })],
    [1, 8, 9],
  ],
])("an order's trace has %s", (_, others, expected) => {
  const store = createSpanStore();
  store.add([aSpan(1, 1), ...others]);
  const { spans, leftOut } = store.find([traceId(1), traceId(1)], all);
  expect(spans.map((span) => Number.parseInt(span.traceId, 16)).sort()).toEqual(expected);
  expect(leftOut).toBe(0);
});

test("a trace that is not kept has no spans", () => {
  expect(createSpanStore().find([traceId(1)], all)).toEqual({ spans: [], leftOut: 0 });
});

test("spans without proper ids are not kept", () => {
  const store = createSpanStore();
  store.add([aSpan(1, 1, { traceId: "" }), aSpan(1, 1, { spanId: "" }), aSpan(1, 1, { traceId: "a".repeat(100_000) })]);
  expect(store.size()).toEqual({ traces: 0, spans: 0, bytes: 0 });
});

test("the usual limits are of tens of MiB", () => {
  expect(usualLimits.bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
});
