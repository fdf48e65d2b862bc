import { expect, test } from "vitest";
import { sourcesOf } from "../docs/source.ts";

const sources = [...sourcesOf("services"), ...sourcesOf("workflows/src")];

test("there are sources to look at", () => {
  expect(sources.length).toBeGreaterThan(300);
});

// Input could reach a shell or an interpreter only by one of these.
test.each([
  ["starts another program", /["'](?:node:)?child_process["']/],
  ["evaluates text as code", /\beval\(|\bnew Function\(|["'](?:node:)?vm["']/],
])("no service and no worker %s", (_what, pattern) => {
  expect(sources.filter(([, text]) => pattern.test(text)).map(([file]) => file)).toEqual([]);
});
