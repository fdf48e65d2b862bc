import { expect, test } from "vitest";
import { isSampled, readTraceparent, readTracestate, spanIdOf, toTraceparent, traceIdOf } from "./traceparent.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

test("a traceparent is read unchanged, and its parts can be had", () => {
  const traceparent = readTraceparent(`00-${trace}-${span}-01`);
  expect(traceparent).toBe(toTraceparent(trace, span, true));
  expect([traceIdOf(traceparent ?? ""), spanIdOf(traceparent ?? "")]).toEqual([trace, span]);
});

test("of a later version, the part that is known is read", () => {
  expect(readTraceparent(`cc-${trace}-${span}-01-what-the-future-holds`)).toBe(`00-${trace}-${span}-01`);
});

test.each([
  ["nothing", null],
  ["an empty text", ""],
  ["a text that goes on", `00-${trace}-${span}-01-more`],
  ["a trace of zeros", `00-${"0".repeat(32)}-${span}-01`],
  ["a span of zeros", `00-${trace}-${"0".repeat(16)}-01`],
  ["capital letters", `00-${trace.toUpperCase()}-${span}-01`],
  ["the version that is none", `ff-${trace}-${span}-01`],
  ["a line of a log", `00-${trace}-${span}-01\n{"level":"fatal"}`],
])("%s is not a traceparent", (_, header) => {
  expect(readTraceparent(header)).toBeUndefined();
});

test.each([
  ["01", true],
  ["03", true],
  ["00", false],
  ["02", false],
])("flags %s: sampled is %s", (flags, kept) => {
  expect(isSampled(`00-${trace}-${span}-${flags}`)).toBe(kept);
});

test("a tracestate that is too long is dropped", () => {
  expect(readTracestate("vendor=1")).toBe("vendor=1");
  expect(readTracestate("v".repeat(513))).toBeUndefined();
});
