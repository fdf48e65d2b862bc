import { Order_State } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import { enumValue, localTime, searchTexts, timeValue, utcTime } from "./search.ts";

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
