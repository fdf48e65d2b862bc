import { encodePageToken } from "@sagacart/chassis/postgres/page";
import { expect, test } from "vitest";
import { readTimeKey, writeTimeKey } from "./time-key.ts";

test("a key comes back as it was, to the microsecond", () => {
  const key = { micros: 1_795_238_505_192_837n, id: "cart~1" };
  expect(readTimeKey(writeTimeKey(key, "carts"), "carts")).toEqual(key);
});

test("no token is the first page", () => {
  expect(readTimeKey("", "carts")).toBeUndefined();
});

test.each([
  ["a time before all time", [-1n, "cart"]],
  ["a time that no timestamp holds", [9_999_999_999_999_999_999n, "cart"]],
  ["an id with NUL", [1n, "\0"]],
  ["no id", [1n]],
])("a made-up token with %s is refused, and not by the database", (_, key) => {
  const token = encodePageToken(key, "carts");
  expect(() => readTimeKey(token, "carts")).toThrow(expect.objectContaining({ reason: "BAD_PAGE_TOKEN" }));
});
