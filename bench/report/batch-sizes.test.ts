import { expect, test } from "vitest";
import { costOf } from "./batch-sizes.ts";

const costing = (fixedMs: number, perOrderMs: number, error: (orders: number) => number = () => 1) =>
  [1, 10, 100, 500].map((orders) => ({ orders, ms: (fixedMs + perOrderMs * orders) * error(orders) }));

test("the two parts of a cost are found", () => {
  const { fixedMs, perOrderMs } = costOf(costing(27, 1.7));
  expect(fixedMs).toBeCloseTo(27, 6);
  expect(perOrderMs).toBeCloseTo(1.7, 6);
});

test("an error of some percent at the largest size does not hide what a batch costs by itself", () => {
  const { fixedMs } = costOf(costing(27, 1.7, (orders) => (orders === 500 ? 1.05 : 1)));
  expect(Math.abs(fixedMs - 27)).toBeLessThan(2);
});

test("a process that is not used costs nothing, and one size says nothing about the parts", () => {
  expect(costOf([])).toEqual({ fixedMs: Number.NaN, perOrderMs: Number.NaN });
  expect(costOf([{ orders: 10, ms: 0 }])).toEqual({ fixedMs: Number.NaN, perOrderMs: Number.NaN });
  expect(costOf([{ orders: 10, ms: 5 }]).fixedMs).toBeNaN();
});
