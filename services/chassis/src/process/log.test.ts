import { expect, test } from "vitest";
import { runWithContext } from "../context.ts";
import { createLog } from "./log.ts";

test("a line is one JSON object with time, level, service and message", () => {
  const { lines, log } = recorded("info");

  log.info({ orderId: "o-1" }, "order placed");

  expect(lines).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: "order",
      orderId: "o-1",
      msg: "order placed",
    },
  ]);
});

test("a line of a call has the call's ids", () => {
  const { lines, log } = recorded("info");

  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  runWithContext({ requestId: "r-1", traceparent, customerId: "c-1" }, () => log.info("x"));

  const trace = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
  expect(lines).toMatchObject([{ requestId: "r-1", customerId: "c-1", ...trace }]);
});

test("an error is written with its cause", () => {
  const { lines, log } = recorded("info");

  log.error({ error: new Error("the order was not stored", { cause: new Error("disk full") }) }, "failed");

  expect(lines).toMatchObject([
    { level: "error", error: { message: "the order was not stored", cause: { message: "disk full" } } },
  ]);
});

test.each(["\n", "\r\n", "\u2028", "\u0000", "\u001b[2J", '"}'])(
  "%j in a text ends no line and adds no property",
  (mark) => {
    const written: string[] = [];
    const log = createLog({
      service: "order",
      level: "info",
      destination: { write: (line) => void written.push(line) },
    });
    const text = `a${mark}{"level":"fatal","msg":"forged"}`;

    log.info({ orderId: text, error: new Error(text) }, text);

    expect(written).toHaveLength(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be in a line, except the one at its end.
    expect(written[0]).toMatch(/^[^\u0000-\u001f]*\n$/);
    expect(JSON.parse(written[0] ?? "")).toMatchObject({
      ...{ level: "info", msg: text, orderId: text, error: { message: text } },
    });
  },
);

test("lines below the level are not written", () => {
  const { lines, log } = recorded("warn");

  log.info("x");

  expect(lines).toEqual([]);
});

function recorded(level: "info" | "warn") {
  const lines: unknown[] = [];
  const log = createLog({ service: "order", level, destination: { write: (line) => lines.push(JSON.parse(line)) } });
  return { lines, log };
}
