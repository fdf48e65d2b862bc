import { encodePageToken } from "@sagacart/chassis/postgres/page";
import { expect, test } from "vitest";
import { readTimeKey, writeTimeKey } from "./time-key.ts";

test("a key survives its token, to the microsecond", () => {
  const key = { micros: 1_795_238_505_192_837n, id: "cart~1" };
  expect(readTimeKey(writeTimeKey(key, "carts"), "carts")).toEqual(key);
});

test("an empty token means the first page", () => {
  expect(readTimeKey("", "carts")).toBeUndefined();
});

test.each([
  ["a negative time", [-1n, "cart"]],
  ["a time beyond the range of timestamps", [9_999_999_999_999_999_999n, "cart"]],
  ["an id with NUL", [1n, "\0"]],
  ["no id", [1n]],
])("a forged token with %s is refused before it reaches the database", (_, key) => {
  const token = encodePageToken(key, "carts");
  expect(() => readTimeKey(token, "carts")).toThrow(expect.objectContaining({ reason: "BAD_PAGE_TOKEN" }));
});
