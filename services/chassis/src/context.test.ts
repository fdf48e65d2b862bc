import { expect, test } from "vitest";
import { callContext, runWithContext } from "./context.ts";
import { parseGrpcTimeout, readContext } from "./rpc/interceptors/context.ts";

test("a call's context is kept across awaits", async () => {
  await runWithContext({ requestId: "r-1" }, async () => {
    await new Promise((resolve) => setImmediate(resolve));

    expect(callContext()).toEqual({ requestId: "r-1" });
  });

  expect(callContext()).toBeUndefined();
});

test("outside of a call there is no context", () => {
  runWithContext({ requestId: "r-1" }, () => {
    runWithContext(undefined, () => {
      expect(callContext()).toBeUndefined();
    });
  });
});

test.each([
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3_000],
  ["250m", 250],
  ["1500u", 1.5],
  ["99999999n", 99.999999],
  ["0m", 0],
])("the timeout %s is %d ms", (text, ms) => {
  expect(parseGrpcTimeout(text)).toBeCloseTo(ms, 9);
});

test.each(["", "5", "5s", "-5S", "5.5S", "123456789S", "S", " 5S"])("%j is not a timeout", (text) => {
  expect(parseGrpcTimeout(text)).toBeUndefined();
});

test.each([
  [{ "grpc-timeout": "2S" }, 3_000],
  [{ "connect-timeout-ms": "2000" }, 3_000],
  [{ "connect-timeout-ms": "soon" }, undefined],
  [{}, undefined],
])("a call with %j that arrives at 1000 has the deadline %s", (header: Record<string, string>, deadlineMs) => {
  const context = readContext((name) => header[name] ?? null, 1_000);

  expect(context.deadlineMs).toBe(deadlineMs);
});
