import { expect, test } from "vitest";
import { jsonExcess, mostJson } from "./json-excess.ts";

const excess = (text: string) => jsonExcess(Buffer.from(text));
const list = (item: string, count: number) => `[${Array.from({ length: count }, () => item).join(",")}]`;
const names = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(",")}}`;
const nested = (open: string, close: string, depth: number) =>
  `${open.repeat(depth)}${" ".repeat(5_000)}${close.repeat(depth)}`;

test.each([
  ["numbers", list("1", 520_000), "values"],
  ["objects", `{"items":${list("{}", 340_000)}}`, "values"],
  ["lists", list("[]", 100_000), "values"],
  ["one name more than allowed", names(mostJson.names + 1), "names"],
  ["the same name", `{${'"a":1,'.repeat(80_000)}"a":1}`, "names"],
  ["deep lists", nested("[", "]", mostJson.depth + 1), "nested"],
  ["deep objects", nested('{"a":', "}", mostJson.depth + 1), "nested"],
  ["brackets that are never closed", "[".repeat(1_000_000), "nested"],
])("too many %s are named, before they are parsed", (_, text, what) => {
  expect(excess(text)).toContain(what);
});

test.each([
  ["as many values as are allowed", list("1", mostJson.values - 2)],
  ["as many names as are allowed", names(mostJson.names)],
  ["many objects with some names", list('{"a":1,"b":{"c":2}}', 10_000)],
  ["as deep as is allowed", nested("[", "]", mostJson.depth)],
  ["a long text of what structures are made of", JSON.stringify({ a: '[{":,'.repeat(100_000) })],
  ["a text that ends with an escaped quote", JSON.stringify([`${",".repeat(100_000)}\\"`, `"${"[".repeat(1_000)}\\`])],
])("%s is fine", (_, text) => {
  expect(excess(text)).toBeUndefined();
});

test("closing what was not opened does not hide what follows", () => {
  expect(excess(`${"]".repeat(5_000)}${"[".repeat(mostJson.depth + 1)}`)).toContain("nested");
});
