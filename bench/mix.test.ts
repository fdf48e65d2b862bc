import { expect, test } from "vitest";
import { type Ask, asks, hotProductId, type Mix } from "./mix.ts";

function take(mix: Mix, seed: number, count: number): Ask[] {
  const generator = asks(mix, seed);
  return Array.from({ length: count }, () => generator.next().value);
}

test("the same seed gives the same orders, and another seed gives others", () => {
  expect(take("spread", 7, 100)).toEqual(take("spread", 7, 100));
  expect(take("spread", 7, 100)).not.toEqual(take("spread", 8, 100));
});

test("one order in ten is refused, half of them for money and half for stock", () => {
  const orders = take("spread", 1, 20_000);
  const share = (expected: string) => orders.filter((order) => order.expected === expected).length / orders.length;
  expect(share("COMPLETED")).toBeCloseTo(0.9, 2);
  expect(share("OUT_OF_STOCK")).toBeCloseTo(0.05, 2);
  expect(share("PAYMENT_DECLINED")).toBeCloseTo(0.05, 2);
});

test("no order names a product twice", () => {
  for (const { lines } of take("spread", 3, 5_000)) {
    expect(new Set(lines.map(({ productId }) => productId)).size).toBe(lines.length);
  }
});

test("every order of the hot mix is for the hot product", () => {
  const products = new Set(take("hot", 1, 1_000).flatMap(({ lines }) => lines.map(({ productId }) => productId)));
  expect([...products]).toEqual([hotProductId]);
});
