import { expect, test, vi } from "vitest";
import { callContext, runWithContext } from "../context.ts";
import { type CoalesceOptions, coalesce } from "./coalesce.ts";

test("calls of one turn make one run", async () => {
  const { runs, call } = recorded({ maxItems: 10, maxConcurrent: 1 });

  const results = await Promise.all([call(1), call(2), call(3)]);

  expect(results).toEqual([10, 20, 30]);
  expect(runs.map(({ items }) => items)).toEqual([[1, 2, 3]]);
});

test("a single call does not wait for others", async () => {
  const { runs, call } = recorded({ maxItems: 10, maxConcurrent: 1 });

  expect(await call(1)).toBe(10);
  expect(await call(2)).toBe(20);
  expect(runs.map(({ items }) => items)).toEqual([[1], [2]]);
});

test("calls that arrive while all runs are busy make up the next run", async () => {
  const { runs, call } = held({ maxItems: 10, maxConcurrent: 1 });
  const first = call(1);
  await until(() => runs.length === 1);

  const later = [call(2), call(3)];
  await turn();
  expect(runs.map(({ items }) => items)).toEqual([[1]]);

  runs[0]!.finish();
  await until(() => runs.length === 2);
  runs[1]!.finish();
  expect(await Promise.all([first, ...later])).toEqual([10, 20, 30]);
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]]);
});

test("neither the number of runs nor their size exceeds its limit", async () => {
  const { runs, call } = held({ maxItems: 2, maxConcurrent: 2 });
  const calls = [1, 2, 3, 4, 5].map(call);

  await until(() => runs.length === 2);
  await turn();
  expect(runs.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  runs[1]!.finish();
  await until(() => runs.length === 3);
  expect(runs[2]!.items).toEqual([5]);
  runs[0]!.finish();
  runs[2]!.finish();
  expect(await Promise.all(calls)).toEqual([10, 20, 30, 40, 50]);
});

test("after a large run the next one waits for more items, and after a small one it does not", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const { runs, call } = recorded({ maxItems: 10, maxConcurrent: 1, gather: { from: 2, ms: 20 } });
    await Promise.all([call(1), call(2)]);

    const third = call(3);
    await turn();
    vi.advanceTimersByTime(19);
    const fourth = call(4);
    await turn();
    expect(runs.map(({ items }) => items)).toEqual([[1, 2]]);
    vi.advanceTimersByTime(1);
    expect(await Promise.all([third, fourth])).toEqual([30, 40]);
    expect(runs.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4],
    ]);

    const alone = call(5);
    await turn();
    vi.advanceTimersByTime(20);
    await alone;
    expect(await call(6)).toBe(60);
  } finally {
    vi.useRealTimers();
  }
});

test("an error rejects its own item only", async () => {
  const call = coalesce<number, number>({
    run: async (items) => items.map((item) => (item === 2 ? new Error("two is bad") : item)),
    maxItems: 10,
    maxConcurrent: 1,
  });

  const results = await Promise.allSettled([call(1), call(2), call(3)]);

  expect(results).toEqual([
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: new Error("two is bad") },
    { status: "fulfilled", value: 3 },
  ]);
});

test("a run that throws rejects all of its items, and the next run goes on", async () => {
  let runs = 0;
  const call = coalesce<number, number>({
    run: async (items) => {
      runs++;
      if (runs === 1) {
        throw new Error("the database is away");
      }
      return items;
    },
    maxItems: 10,
    maxConcurrent: 1,
  });

  const first = await Promise.allSettled([call(1), call(2)]);

  expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await call(3)).toBe(3);
});

test("a run with a missing result rejects all its items", async () => {
  const call = coalesce<number, number>({ run: async (items) => items.slice(1), maxItems: 10, maxConcurrent: 1 });

  const results = await Promise.allSettled([call(1), call(2)]);

  const reason = new Error("a run of 2 items gave 1 results");
  expect(results).toEqual([
    { status: "rejected", reason },
    { status: "rejected", reason },
  ]);
});

test("a run has no call's context, and each caller keeps its own", async () => {
  let seen: unknown = "not run";
  const call = coalesce<number, number>({
    run: async (items) => {
      seen = callContext();
      return items;
    },
    maxItems: 10,
    maxConcurrent: 1,
  });

  const after = await runWithContext({ requestId: "r-1", deadlineMs: 1 }, async () => {
    await call(1);
    return callContext()?.requestId;
  });

  expect(seen).toBeUndefined();
  expect(after).toBe("r-1");
});

test("more waiting items than the limit are refused", async () => {
  const { runs, call } = held({ maxItems: 1, maxConcurrent: 1, maxWaiting: 1 });
  const running = call(1);
  await until(() => runs.length === 1);
  const waiting = call(2);

  await expect(call(3)).rejects.toMatchObject({ reason: "OVERLOADED" });

  runs[0]!.finish();
  await until(() => runs.length === 2);
  runs[1]!.finish();
  expect(await Promise.all([running, waiting])).toEqual([10, 20]);
});

type Run = { items: readonly number[]; finish: () => void };
type Limits = Pick<CoalesceOptions<number, number>, "maxItems" | "maxConcurrent" | "maxWaiting" | "gather">;

function held(limits: Limits): { runs: Run[]; call: (item: number) => Promise<number> } {
  const runs: Run[] = [];
  const call = coalesce<number, number>({
    ...limits,
    async run(items) {
      const { promise, resolve } = Promise.withResolvers<void>();
      runs.push({ items, finish: resolve });
      await promise;
      return items.map((item) => item * 10);
    },
  });
  return { runs, call };
}

function recorded(limits: Limits): { runs: Run[]; call: (item: number) => Promise<number> } {
  const runs: Run[] = [];
  const call = coalesce<number, number>({
    ...limits,
    async run(items) {
      runs.push({ items, finish: () => {} });
      return items.map((item) => item * 10);
    },
  });
  return { runs, call };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await turn();
  }
}
