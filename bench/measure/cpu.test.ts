import { expect, test } from "vitest";
import { backendName, cpuBetween, parseStat } from "./cpu.ts";

test("a process with any name can be parsed", () => {
  const stat = "42 (node (a) b) S 7 42 42 0 -1 4194304 1 0 0 0 120 30 5 6 20 0 1 0 100 0 0";
  expect(parseStat(stat)).toEqual({ parent: 7, ownMs: 1_500, endedChildrenMs: 110 });
  expect(parseStat("")).toBeUndefined();
});

test("a backend counts for its database, and other Postgres processes as shared", () => {
  expect(backendName("postgres: order order 127.0.0.1(50312) idle")).toBe("postgres order");
  expect(backendName("postgres: audit stock [local] SELECT")).toBe("postgres stock");
  expect(backendName("postgres: walwriter ")).toBe("postgres (shared)");
});

test("usage is the difference of two samples, and a new process counts from its start", () => {
  const before = { processes: new Map([["order", 100]]), machineMs: 0 };
  const after = { processes: new Map([...Object.entries({ order: 250, worker: 40 })]), machineMs: 0 };
  expect(cpuBetween(before, after)).toEqual(new Map(Object.entries({ order: 150, worker: 40 })));
});
