import { silentLog } from "@sagacart/chassis/testing/log";
import { expect, test } from "vitest";
import { createProviderQueue, type ProviderQueueOptions } from "./provider-queue.ts";

type Result = { job: string; answer: string };

/** A queue whose provider answers a job when the test says so. */
function startQueue(options: Partial<ProviderQueueOptions<string, Result>> = {}) {
  const calls: string[] = [];
  const late: Result[] = [];
  const gates = new Map<string, PromiseWithResolvers<string>>();
  const gateOf = (job: string) => {
    const gate = gates.get(job) ?? Promise.withResolvers<string>();
    gates.set(job, gate);
    return gate;
  };
  const queue = createProviderQueue<string, Result>({
    provider: "provider",
    keyOf: (job) => job,
    async call(job, signal) {
      calls.push(job);
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      return { job, answer: await Promise.race([gateOf(job).promise, aborted]) };
    },
    withoutAnswer: (job, why) => ({ job, answer: why }),
    concurrency: 2,
    timeoutMs: 10_000,
    log: silentLog,
    logFields: (job) => ({ job }),
    writeLate: async (results) => late.push(...results),
    ...options,
  });
  return { queue, calls, late, answer: (job: string, answer: string) => gateOf(job).resolve(answer) };
}

test("jobs are asked for in order, no more at a time than the limit", async () => {
  const { queue, calls, answer } = startQueue();
  const asking = queue.ask(["a", "b", "c"], 10_000);
  expect(calls).toEqual(["a", "b"]);

  answer("a", "yes");
  await expect.poll(() => calls).toEqual(["a", "b", "c"]);
  answer("b", "no");
  answer("c", "yes");

  expect(await asking).toEqual([
    { job: "a", answer: "yes" },
    { job: "b", answer: "no" },
    { job: "c", answer: "yes" },
  ]);
});

test("a job that many callers wait for is asked for once, and all get its answer", async () => {
  const { queue, calls, answer } = startQueue();
  const asking = Array.from({ length: 5 }, () => queue.ask(["a"], 10_000));
  answer("a", "yes");

  expect(await Promise.all(asking)).toEqual(Array.from({ length: 5 }, () => [{ job: "a", answer: "yes" }]));
  expect(calls).toEqual(["a"]);
});

test("after its time the caller gets what there is; late answers are written, and unasked jobs are dropped", async () => {
  const { queue, calls, late, answer } = startQueue();
  answer("a", "yes");

  const results = await queue.ask(["a", "b", "c", "d"], 100);

  expect(results.map((result) => result.answer)).toEqual(["yes", "under_way", "under_way", "unasked"]);
  expect(late).toEqual([]);
  answer("b", "no");
  await expect.poll(() => late).toEqual([{ job: "b", answer: "no" }]);
  expect(calls).toEqual(["a", "b", "c"]);
});

test("an answer that some caller still waits for is not late", async () => {
  const { queue, late, answer } = startQueue();
  const asking = queue.ask(["a"], 10_000);
  expect(await queue.ask(["a"], 1)).toEqual([{ job: "a", answer: "under_way" }]);
  answer("a", "yes");

  expect(await asking).toEqual([{ job: "a", answer: "yes" }]);
  expect(late).toEqual([]);
});

test("a call that fails or takes too long has failed, and the next job has its turn", async () => {
  const seen: Result[] = [];
  const { queue, answer } = startQueue({ concurrency: 1, timeoutMs: 50, onAnswer: (result) => seen.push(result) });
  answer("b", "yes");

  const results = await queue.ask(["a", "b"], 10_000);

  expect(results).toEqual([
    { job: "a", answer: "failed" },
    { job: "b", answer: "yes" },
  ]);
  expect(seen).toEqual(results);
});

test("late answers that cannot be written do not end the queue", async () => {
  const { queue, answer } = startQueue({
    concurrency: 1,
    writeLate: async () => {
      throw new Error("the database is down");
    },
  });
  expect(await queue.ask(["a"], 1)).toEqual([{ job: "a", answer: "under_way" }]);
  answer("a", "yes");
  answer("b", "yes");

  expect(await queue.ask(["b"], 10_000)).toEqual([{ job: "b", answer: "yes" }]);
});

test("closing it aborts the calls and waits for them", async () => {
  const { queue } = startQueue();
  const asking = queue.ask(["a", "b", "c"], 200);

  await queue[Symbol.asyncDispose]();

  expect((await asking).map((result) => result.answer)).toEqual(["failed", "failed", "unasked"]);
});
