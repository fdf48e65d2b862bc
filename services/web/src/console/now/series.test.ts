import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { GetOrderActivityResponseSchema } from "@sagacart/proto/order/v1/activity_service";
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

test("an answer without a time changes nothing", () => {
  const points = addActivity([], answer(1_000, []));
  expect(addActivity(points, create(GetOrderActivityResponseSchema, {}))).toBe(points);
});
