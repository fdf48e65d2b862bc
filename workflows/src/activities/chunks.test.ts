import { expect, test } from "vitest";
import { chunked } from "./chunks.ts";

test.each<[string, number[], number[][]]>([
  ["nothing", [], []],
  ["what fits", [1, 2], [[1, 2]]],
  ["what does not fit", [2, 2, 1, 3], [[2], [2, 1], [3]]],
  ["an item that is too heavy alone", [1, 9, 1], [[1], [9], [1]]],
])("%s is cut into chunks of at most 3", (_, weights, chunks) => {
  expect(chunked(weights, 3, (weight) => weight)).toEqual(chunks);
});

test("an item weighs 1 by default", () => {
  expect(chunked(["a", "b", "c"], 2)).toEqual([["a", "b"], ["c"]]);
});
