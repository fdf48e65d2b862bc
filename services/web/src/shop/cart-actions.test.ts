import { expect, test } from "vitest";
import { withQuantity } from "./cart-actions.ts";

const lines = [
  { productId: "mouse", quantity: 1 },
  { productId: "laptop", quantity: 2 },
];

test.each([
  ["mouse", 12, [{ productId: "mouse", quantity: 12 }, lines[1]]],
  ["mouse", 0, [lines[1]]],
  ["keyboard", 3, lines],
])("with the quantity of %s set to %i", (productId, quantity, expected) => {
  expect(withQuantity(lines, productId, quantity)).toEqual(expected);
});
