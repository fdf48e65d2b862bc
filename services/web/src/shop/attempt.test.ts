import { expect, test } from "vitest";
import { createAttempt } from "./attempt.ts";

test("a repeat has the same key until it has succeeded", () => {
  const attempt = createAttempt();
  const first = attempt.requestIdFor("two mice");
  expect(attempt.requestIdFor("two mice")).toBe(first);
  attempt.succeeded();
  expect(attempt.requestIdFor("two mice")).not.toBe(first);
});

test("something else has another key", () => {
  const attempt = createAttempt();
  const first = attempt.requestIdFor("two mice");
  expect(attempt.requestIdFor("three mice")).not.toBe(first);
});
