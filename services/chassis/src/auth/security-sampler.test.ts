import { expect, test, vi } from "vitest";
import type { Line } from "./security-line.ts";
import { createSampler } from "./security-sampler.ts";

const first: Line = {
  ...{ time: "2026-01-05T10:00:00.000Z", log: "security", service: "gateway", event: "request.limited" },
  ...{ outcome: "refused", reason: "TOO_MANY_REQUESTS", actor: { kind: "customer", id: "c-1" } },
  ...{ object: { kind: "limit", id: "writes" }, address: "198.51.100.7", requestId: "r-1", traceId: "" },
};

function start(mostBursts?: number) {
  const lines: Line[] = [];
  const sampler = createSampler({ write: (line) => lines.push(line), windowMs: 60_000, mostBursts });
  return { ...sampler, lines, counts: () => lines.map(({ count }) => count) };
}

test("the first of a burst is a line at once, and all that follow are one line a minute", () => {
  vi.useFakeTimers();
  const { take, lines, counts } = start();
  for (let count = 0; count < 10_000; count++) {
    take({ ...first, requestId: `r-${count}` });
  }
  expect(counts()).toEqual([1]);
  vi.advanceTimersByTime(60_000);
  expect(counts()).toEqual([1, 9_999]);
  expect(lines.map(({ requestId }) => requestId)).toEqual(["r-0", "r-9999"]);

  take(first);
  vi.advanceTimersByTime(60_000);
  expect(counts()).toEqual([1, 9_999, 1]);

  // After a minute without any, the next one is the first of a burst again.
  vi.advanceTimersByTime(60_000);
  take(first);
  expect(counts()).toEqual([1, 9_999, 1, 1]);
  vi.useRealTimers();
});

test("of events that are more than noise the first few are lines at once, in each minute that has no more", () => {
  vi.useFakeTimers();
  const { take, lines, counts } = start();
  const takeSome = (some: number) => {
    for (let count = 0; count < some; count++) {
      take({ ...first, requestId: `r-${count}` }, 3);
    }
  };
  takeSome(3);
  vi.advanceTimersByTime(60_000);
  takeSome(5);
  expect(counts()).toEqual([1, 1, 1, 1, 1, 1]);
  expect(lines.map(({ requestId }) => requestId)).toEqual(["r-0", "r-1", "r-2", "r-0", "r-1", "r-2"]);
  vi.advanceTimersByTime(60_000);
  expect(counts().slice(6)).toEqual([2]);
  // It goes on: a line a minute.
  takeSome(1_000);
  vi.advanceTimersByTime(60_000);
  expect(counts().slice(7)).toEqual([1_000]);
  vi.useRealTimers();
});

test("the lines at once of all bursts together are bounded, too", () => {
  const { take, flush, counts } = start(10);
  const takeMany = () => {
    for (let caller = 0; caller < 10; caller++) {
      for (let count = 0; count < 20; count++) {
        take({ ...first, actor: { kind: "customer", id: `c-${caller}` } }, 20);
      }
    }
  };
  takeMany();
  expect(counts()).toHaveLength(20);
  flush();
  takeMany();
  flush();
  expect(counts().reduce((sum, count = 0) => Number(sum) + count, 0)).toBe(400);
  expect(counts().length).toBeLessThan(60);
});

test("a count of events about several things names none of them", () => {
  const { take, flush, lines } = start();
  const about = (id: string) => ({ ...first, object: { kind: "user", id } });
  for (const id of ["u-1", "u-2", "u-3", "u-3"]) take(about(id));
  flush();
  for (const id of ["u-4", "u-4"]) take(about(id));
  flush();
  expect(lines.map(({ object, count }) => [object.id, count])).toEqual([
    ["u-1", 1],
    ["", 3],
    ["u-4", 2],
  ]);
});

test.each<[string, Partial<Line>]>([
  ["another caller", { actor: { kind: "customer", id: "c-2" } }],
  ["another address", { address: "198.51.100.8" }],
  ["another event", { event: "request.refused" }],
  ["another reason", { reason: "BODY_TOO_LARGE" }],
  ["another limit", { object: { kind: "limit", id: "sign_ins" } }],
])("%s is a burst of its own", (_, change) => {
  const { take, counts } = start();
  take(first);
  take({ ...first, ...change });
  expect(counts()).toEqual([1, 1]);
});

test.each<[string, Partial<Line>]>([
  ["another request", { requestId: "r-2", time: "2026-01-05T10:00:01.000Z" }],
  ["another method that is tried", { object: { kind: "method", id: "A/B" } }],
  ["another address of the same network", { address: "2001:db8:1:2::2" }],
])("%s is none", (_, change) => {
  const { take, flush, counts } = start();
  const given = { ...first, object: { kind: "method", id: "A/A" }, address: "2001:db8:1:2::1" };
  take(given);
  take({ ...given, ...change });
  expect(counts()).toEqual([1]);
  flush();
  expect(counts()).toEqual([1, 1]);
});

test("beyond the bursts that are told apart, all callers who break a rule are one line without their names", () => {
  const { take, flush, lines, counts } = start(3);
  for (let caller = 0; caller < 1_000; caller++) {
    take({ ...first, actor: { kind: "anonymous", id: "" }, address: `198.51.${caller >> 8}.${caller & 255}` });
  }
  expect(counts()).toEqual([1, 1, 1, 1]);
  expect(lines.at(-1)).toMatchObject({ actor: { kind: "", id: "" }, address: "" });
  flush();
  expect(counts()).toEqual([1, 1, 1, 1, 996]);
});
