import { expect, test } from "vitest";
import { createTally } from "./tally.ts";

test("counts answered and failed requests, and measures the longest time without an answer", () => {
  let nowMs = 0;
  const tally = createTally(() => nowMs);
  const after = (ms: number) => {
    nowMs += ms;
  };

  after(100);
  tally.add("a", { kind: "answered", ms: 100, state: "STATE_COMPLETED" }, 1);
  after(50);
  tally.add("b", { kind: "failed", ms: 50, why: "503" }, 1);
  after(1_950);
  tally.add("b", { kind: "answered", ms: 30, state: "STATE_COMPLETED" }, 2);
  after(10);
  tally.add("c", { kind: "failed", ms: 10, why: "socket hang up" }, 1);
  tally.connected();

  expect(tally.summary()).toEqual({
    requests: 4,
    answered: 2,
    failed: 2,
    retried: 1,
    orders: 3,
    connections: 1,
    p50Ms: 30,
    p99Ms: 30,
    slowestMs: 100,
    longestSilenceMs: 2_000,
    longestSilenceAt: new Date(100).toISOString(),
    failingMs: 2_010,
    seconds: 2.1,
  });
});

test("an accepted order stays accepted; one whose requests all failed is unknown", () => {
  const tally = createTally();
  tally.add("a", { kind: "answered", ms: 1, state: "STATE_RESERVING" }, 1);
  tally.add("a", { kind: "failed", ms: 1, why: "503" }, 2);
  tally.add("b", { kind: "failed", ms: 1, why: "503" }, 1);

  expect(tally.requested()).toEqual(
    new Map([
      ["a", "accepted"],
      ["b", "unknown"],
    ]),
  );
});
