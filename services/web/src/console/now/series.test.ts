import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  GetOrderActivityResponse_SecondSchema,
  GetOrderActivityResponseSchema,
} from "@sagacart/proto/order/v1/activity_service";
import { expect, test } from "vitest";
import { addActivity, rateOf } from "./series.ts";

const answer = (now: number, seconds: [second: number, created: number, medianMs?: number][]) =>
  create(GetOrderActivityResponseSchema, {
    time: timestampFromMs(now * 1_000),
    seconds: seconds.map(([second, created, medianMs]) => ({
      time: timestampFromMs(second * 1_000),
      created,
      completed: created,
      ...(medianMs === undefined ? {} : { median: durationFromMs(medianMs), percentile99: durationFromMs(medianMs) }),
    })),
  });

test("a quiet minute is zeros, without gaps, up to the last whole second", () => {
  const points = addActivity([], answer(1_000, []));
  expect(points.map(({ second }) => second)).toEqual(Array.from({ length: 60 }, (_, index) => 940 + index));
  expect(points.every(({ created, median }) => created === 0 && median === null)).toBe(true);
  expect(rateOf(points)).toBe(0);
});

test("a later answer replaces the seconds that it has, and keeps those that it no longer has", () => {
  const first = addActivity(
    [],
    answer(1_000, [
      [950, 1],
      [999, 2],
    ]),
  );
  const second = addActivity(
    first,
    answer(1_030, [
      [999, 5, 40],
      [1_020, 3],
    ]),
  );
  const at = (wanted: number) => second.find((point) => point.second === wanted);
  expect(at(950)?.created).toBe(1);
  expect(at(999)).toMatchObject({ created: 5, median: 40, percentile99: 40 });
  expect(at(1_020)?.created).toBe(3);
  expect(at(1_000)?.created).toBe(0);
  expect(second.at(-1)?.second).toBe(1_029);
});

test("the charts keep five minutes, however long the page is open and away", () => {
  let points = addActivity([], answer(1_000, [[999, 1]]));
  for (let now = 1_002; now <= 2_000; now += 2) {
    points = addActivity(points, answer(now, [[now - 1, 2]]));
  }
  expect(points).toHaveLength(300);
  expect(addActivity(points, answer(100_000, []))).toHaveLength(300);
  expect(rateOf(points)).toBe(1);
});

test("seconds that no answer was about are unknown, and neither zero nor part of the rate", () => {
  const points = addActivity(addActivity([], answer(1_000, [[999, 4]])), answer(1_100, [[1_099, 6]]));
  const created = (from: number, to: number) =>
    points.filter(({ second }) => second >= from && second <= to).map((point) => point.created);
  expect(created(998, 999)).toEqual([0, 4]);
  expect(created(1_000, 1_039)).toEqual(Array.from({ length: 40 }, () => null));
  expect(created(1_040, 1_041)).toEqual([0, 0]);
  expect(rateOf(points, 101)).toBe(10 / 61);

  // A later answer about a second that was unknown makes it known.
  const later = addActivity(points, answer(1_098, []));
  expect(later.find(({ second }) => second === 1_039)?.created).toBe(0);
});

test("the seconds before those that the limit of orders left are unknown, unless an earlier answer had them", () => {
  const earlier = addActivity([], answer(1_000, [[990, 7]]));
  const points = addActivity(
    earlier,
    answer(1_005, [
      [1_003, 6_000],
      [1_004, 8_000],
    ]),
  );
  expect(points.slice(-6).map(({ created }) => created)).toEqual([0, null, null, null, 6_000, 8_000]);
  expect(points.find(({ second }) => second === 990)?.created).toBe(7);
  expect(rateOf(points, 5)).toBe(7_000);
});

test("the sizes of batches are of the seconds in which some began, and unknown for all others", () => {
  const answered = answer(1_000, [[998, 5]]);
  answered.seconds.push(
    create(GetOrderActivityResponse_SecondSchema, {
      time: timestampFromMs(999_000),
      created: 7,
      batches: 2,
      medianBatchOrders: 3,
      largestBatchOrders: 4,
    }),
  );
  const sizes = addActivity([], answered).map(({ medianBatch, largestBatch }) => [medianBatch, largestBatch]);
  expect(sizes.slice(-2)).toEqual([
    [null, null],
    [3, 4],
  ]);
  expect(sizes.slice(0, -2).every(([median, largest]) => median === null && largest === null)).toBe(true);
});

test("an answer without a time changes nothing", () => {
  const points = addActivity([], answer(1_000, []));
  expect(addActivity(points, create(GetOrderActivityResponseSchema, {}))).toBe(points);
});
