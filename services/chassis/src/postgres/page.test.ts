import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { decodeIdToken, decodePageToken, encodePageToken, nextIdToken, pageSize } from "./page.ts";

const time = new Date("2026-03-01T12:00:00.123Z");

test("a token gives back the key it was made of", () => {
  const token = encodePageToken([time, "id-1", 9_007_199_254_740_993n, 1.5], "orders");

  expect(decodePageToken(token, "orders", ["date", "string", "bigint", "number"])).toEqual([
    time,
    "id-1",
    9_007_199_254_740_993n,
    1.5,
  ]);
});

test("a token can stand in a URL as it is", () => {
  expect(encodePageToken(["ÿ?>~", time], "orders")).toMatch(/^[A-Za-z0-9_-]+$/);
});

test("no token is the first page", () => {
  expect(decodePageToken("", "orders", ["string"])).toBeUndefined();
});

test.each([
  ["of another list", encodePageToken(["a"], "products")],
  ["with a longer key", encodePageToken(["a", "b"], "orders")],
  ["with a shorter key", encodePageToken([], "orders")],
  ["with a key of another kind", encodePageToken([1], "orders")],
  ["that is no JSON", Buffer.from("orders").toString("base64url")],
  ["that is no list", Buffer.from('{"0":"orders"}').toString("base64url")],
  ["that is made up", "next"],
])("a token %s is refused", (_, token) => {
  expect(() => decodePageToken(token, "orders", ["string"])).toThrow(
    expect.objectContaining({
      code: Code.InvalidArgument,
      reason: "BAD_PAGE_TOKEN",
      message: "page_token is not one that this list gave out; leave it empty to begin again",
    }),
  );
});

test.each(["date", "bigint"] as const)("a text is not a %s", (kind) => {
  const token = encodePageToken(["soon"], "orders");

  expect(() => decodePageToken(token, "orders", [kind])).toThrow("page_token is not one that this list gave out");
});

test("a full page of ids gives the token for the page after its last one", () => {
  const rows = [{ id: "a" }, { id: "b" }];

  expect(decodeIdToken(nextIdToken(rows, 2, "orders"), "orders")).toBe("b");
  expect(nextIdToken(rows, 3, "orders")).toBe("");
  expect(decodeIdToken("", "orders")).toBe("");
});

test.each(["", "a b", "a\0", "a".repeat(64)])("a token with the id %j is refused", (id) => {
  const token = encodePageToken([id], "orders");

  expect(() => decodeIdToken(token, "orders")).toThrow(expect.objectContaining({ reason: "BAD_PAGE_TOKEN" }));
});

test.each([
  [0, 50],
  [1, 1],
  [200, 200],
  [201, 200],
])("a page size of %d gives %d", (asked, given) => {
  expect(pageSize(asked)).toBe(given);
});

/** Makes a token by hand, as somebody does who looks into one. */
const forged = (...parts: unknown[]) => Buffer.from(JSON.stringify(["list", ...parts])).toString("base64url");

test.each([
  ["string", "a\0b"],
  ["string", "\ud800"],
  ["string", 1],
  ["string", null],
  ["string", ["a"]],
  ["string", { a: 1 }],
  ["date", "-000001-01-01T00:00:00.000Z"],
  ["date", "0000-01-01T00:00:00.000Z"],
  ["date", "+275760-09-13T00:00:00.000Z"],
  ["date", "2026"],
  ["date", "2026-03-01"],
  ["date", "44 BC"],
  ["date", "2026-13-01T00:00:00.000Z"],
  ["date", 0],
  ["bigint", "9223372036854775808"],
  ["bigint", "-9223372036854775809"],
  ["bigint", "1e3"],
  ["bigint", 1],
  ["number", 2 ** 31],
  ["number", 1e300],
  ["number", "1"],
] as const)("a forged %s %j, which Postgres would refuse or misread, is refused", (kind, part) => {
  expect(() => decodePageToken(forged(part), "list", [kind])).toThrow(
    expect.objectContaining({ reason: "BAD_PAGE_TOKEN" }),
  );
});

test("a forged number that is too large for JSON is refused", () => {
  const token = Buffer.from('["list",1e400]').toString("base64url");
  expect(() => decodePageToken(token, "list", ["number"])).toThrow(
    expect.objectContaining({ reason: "BAD_PAGE_TOKEN" }),
  );
});
