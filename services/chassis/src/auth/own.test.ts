import { expect, test } from "vitest";
import { runWithContext } from "../context.ts";
import { mayTouch, visible } from "./own.ts";

const row = { customerId: "ada" };
const as = <T>(customerId: string | undefined, look: () => T) => runWithContext({ requestId: "r", customerId }, look);

test.each([
  ["the owner", "ada", true],
  ["another customer", "bob", false],
  ["nobody in particular", "", false],
  ["who may touch anybody's", undefined, true],
])("what is a customer's is there for %s: %s, %s", (_who, customerId, there) => {
  expect(as(customerId, () => visible(row))).toBe(there ? row : undefined);
  expect(as(customerId, () => mayTouch("ada"))).toBe(there);
});

test("what is not there is there for nobody", () => {
  expect(as(undefined, () => visible(undefined))).toBeUndefined();
});
