import { median } from "../stats.ts";
import type { Window } from "../window.ts";
import { aligned, digits } from "./table.ts";

/** The cost of batches: `fixedMs` for each, and `perOrderMs` for each order in it. */
export type Cost = { readonly fixedMs: number; readonly perOrderMs: number };

/**
 * Fits a straight line through the cost of batches of several sizes. Each point counts by its relative error: batches of
 * hundreds of orders cost a hundred times as much as those of one, which would otherwise not count at all.
 *
 * Weighted least squares; NaN with fewer than two sizes.
 */
export function costOf(points: readonly { readonly orders: number; readonly ms: number }[]): Cost {
  const used = points.filter(({ ms }) => ms > 0);
  if (new Set(used.map(({ orders }) => orders)).size < 2) {
    return { fixedMs: Number.NaN, perOrderMs: Number.NaN };
  }
  let [weights, x, y, xx, xy] = [0, 0, 0, 0, 0];
  for (const { orders, ms } of used) {
    const weight = 1 / (ms * ms);
    weights += weight;
    x += weight * orders;
    y += weight * ms;
    xx += weight * orders * orders;
    xy += weight * orders * ms;
  }
  const divisor = weights * xx - x * x;
  return { fixedMs: (xx * y - x * xy) / divisor, perOrderMs: (weights * xy - x * y) / divisor };
}

/**
 * Formats what a batch of each held size cost, by process: ms of CPU a batch, and the two parts of it, which belong to the
 * batch and to each of its orders.
 */
export function batchSizesTable(windows: readonly Window[]): string {
  const sizes = [...Map.groupBy(windows, ({ batchSize }) => batchSize ?? 0)].map(([size, some]) => ({ size, some }));
  const ordersOf = (some: readonly Window[]) => median(some.map(({ answers, workflows }) => answers / workflows));
  const line = (name: string, msOf: (window: Window) => number) => {
    const points = sizes.map(({ some }) => ({
      orders: ordersOf(some),
      ms: median(some.map((window) => (msOf(window) * window.answers) / window.workflows)),
    }));
    const { fixedMs, perOrderMs } = costOf(points);
    return [name, ...points.map(({ ms }) => digits(ms)), digits(fixedMs), digits(perOrderMs)];
  };
  const names = [...new Set(windows.flatMap(({ cpuPerCheckout }) => Object.keys(cpuPerCheckout)))].toSorted();
  const whole = (text: string, of: (some: readonly Window[]) => number) => [
    text,
    ...sizes.map(({ some }) => digits(of(some))),
    "",
    "",
  ];
  return aligned([
    ["CPU ms a batch", ...sizes.map(({ size }) => `of ${size}`), "fixed", "an order"],
    ...names.map((name) => line(name, ({ cpuPerCheckout }) => cpuPerCheckout[name] ?? 0)),
    line("all", ({ cpuPerCheckoutAll }) => cpuPerCheckoutAll),
    whole("orders a batch, as measured", ordersOf),
    whole("checkouts/s", (some) => median(some.map(({ perSecond }) => perSecond))),
    whole("p50 ms", (some) => median(some.map(({ p50Ms }) => p50Ms))),
  ]);
}
