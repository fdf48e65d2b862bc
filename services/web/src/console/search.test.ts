import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterEach, expect, test, vi } from "vitest";
import { editedTime, enumValue, localTime, searchTexts, timeValue, utcTime } from "./search.ts";

afterEach(() => vi.unstubAllEnvs());

const read = searchTexts("state", "page");

test.each([
  [{}, {}],
  [
    { state: "PAID", page: "abc" },
    { state: "PAID", page: "abc" },
  ],
  [{ state: " PAID " }, { state: "PAID" }],
  [{ state: "" }, {}],
  [{ state: "   " }, {}],
  [{ state: 42 }, { state: "42" }],
  [{ state: true }, { state: "true" }],
  [{ state: null, page: undefined }, {}],
  [{ state: { a: 1 }, page: ["x"] }, {}],
  [{ state: "x".repeat(1_001) }, {}],
  [{ other: "x" }, {}],
])("the parameters %j are read as %j", (given, texts) => {
  expect(read(given)).toEqual(texts);
});

test.each([
  ["PAID", Order_State.PAID],
  ["UNSPECIFIED", Order_State.UNSPECIFIED],
  ["paid", 0],
  ["toString", 0],
  ["__proto__", 0],
  [undefined, 0],
])("the state %s is %d", (name, value) => {
  expect(enumValue(Order_State, name)).toBe(value);
});

test.each(["", "nonsense", "1969-01-01T00:00:00Z", undefined])("%s is no time", (text) => {
  expect(timeValue(text)).toBeUndefined();
});

test("a time survives the way from the input to the address and back", () => {
  const address = utcTime("2026-03-29T02:30:15");
  expect(localTime(address)).toBe(localTime(new Date("2026-03-29T02:30:15").toISOString()));
  expect(timeValue(address)?.seconds).toBe(BigInt(Date.parse(address ?? "") / 1_000));
  expect(utcTime("")).toBeUndefined();
  expect(utcTime("rubbish")).toBeUndefined();
  expect(localTime("rubbish")).toBe("");
});

test.each([
  ["the second of two equal hours", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00"],
  ["the first of them", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00"],
  ["zero seconds, left out by the browser", "2026-07-01T10:30:00Z", "2026-07-01T12:30"],
  ["milliseconds", "2026-07-01T10:30:15.250Z", "2026-07-01T12:30:15"],
])("a time whose input is not changed stays as it is: %s", (_what, address, input) => {
  vi.stubEnv("TZ", "Europe/Berlin");
  expect(localTime(address).slice(0, input.length)).toBe(input);
  expect(editedTime(address, input)).toBe(address);
});

test("a time whose input is changed is the new one, and an empty input is none", () => {
  vi.stubEnv("TZ", "Europe/Berlin");
  expect(editedTime("2026-10-25T01:30:00Z", "2026-10-25T03:30:00")).toBe("2026-10-25T02:30:00.000Z");
  expect(editedTime(undefined, "2026-07-01T12:30:15")).toBe("2026-07-01T10:30:15.000Z");
  expect(editedTime("2026-10-25T01:30:00Z", "")).toBeUndefined();
  expect(editedTime(undefined, "")).toBeUndefined();
});
