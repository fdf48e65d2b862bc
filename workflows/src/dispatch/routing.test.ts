import { silentLog } from "@sagacart/chassis/testing/log";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type FakeTaskQueue, fakeTemporal } from "../testing/fake-temporal.ts";
import { type Routing, unversioned, versionsThatPoll, watchRouting } from "./routing.ts";

const own = { deploymentName: "shop/checkout", buildId: "v2" };
const other = { deploymentName: "shop/checkout", buildId: "v1" };
const never = new AbortController().signal;

let routing: Routing | undefined;
afterEach(async () => await routing?.[Symbol.asyncDispose]());

/** Watches a routing that the test may change by `queue.answer`; an error stands for no answer. */
async function watch(first: FakeTaskQueue | Error, holdsForMs = 60_000) {
  const queue: { answer: FakeTaskQueue | Error } = { answer: first };
  const temporal = fakeTemporal({
    async taskQueue() {
      if (queue.answer instanceof Error) throw queue.answer;
      return queue.answer;
    },
  });
  const watched = watchRouting({
    temporal: temporal.client,
    log: silentLog,
    version: own,
    intervalMs: 1,
    holdsForMs,
  });
  routing = watched;
  /** Resolves when an answer that was asked for from now on has been read. */
  const nextAnswer = async () => {
    const before = temporal.describeTaskQueue.mock.calls.length;
    await vi.waitFor(() => expect(temporal.describeTaskQueue.mock.calls.length).toBeGreaterThan(before + 1));
  };
  await nextAnswer();
  return { routing: watched, queue, nextAnswer };
}

const ramp = (version: typeof own, percentage: number) => ({ ...version, percentage });

test.each<[string, FakeTaskQueue, "all" | "some" | "none"]>([
  ["no version is current", {}, "none"],
  ["another version is current", { current: other }, "none"],
  ["the same build of another deployment is current", { current: { ...own, deploymentName: "x" } }, "none"],
  ["it is current", { current: own }, "all"],
  ["it is current and another ramps", { current: own, ramping: ramp(other, 10) }, "some"],
  ["it is current and another ramps at 0 %", { current: own, ramping: ramp(other, 0) }, "all"],
  ["it ramps", { current: other, ramping: ramp(own, 10) }, "some"],
  ["it ramps at 0 %", { current: other, ramping: ramp(own, 0) }, "none"],
  ["it ramps beside workers without a version", { ramping: ramp(own, 50) }, "some"],
])("when %s, this version runs %3$s new workflows", async (_, answer, share) => {
  const { routing } = await watch(answer);
  expect(routing.runsAll()).toBe(share === "all");
  expect(routing.isInUse()).toBe(share !== "none");
});

describe("a claim", () => {
  test("runs while this version is in use, and its result is returned", async () => {
    const { routing } = await watch({ current: own });
    expect(await routing.whileInUse(never, async () => "claimed")).toBe("claimed");
  });

  test("waits until this version is in use", async () => {
    const { routing, queue, nextAnswer } = await watch({ current: other });
    const claim = vi.fn(async () => "claimed");
    const claiming = routing.whileInUse(never, claim);
    await nextAnswer();
    expect(claim).not.toHaveBeenCalled();
    queue.answer = { current: own };
    expect(await claiming).toBe("claimed");
  });

  test("waits for Temporal's first answer", async () => {
    const { routing, queue, nextAnswer } = await watch(new Error("unavailable"));
    const claim = vi.fn(async () => "claimed");
    const claiming = routing.whileInUse(never, claim);
    await nextAnswer();
    expect(claim).not.toHaveBeenCalled();
    queue.answer = { current: own };
    expect(await claiming).toBe("claimed");
  });

  test("is aborted when this version is no longer in use, and then returns nothing", async () => {
    const { routing, queue } = await watch({ current: own });
    const claiming = routing.whileInUse(never, untilAborted);
    queue.answer = { current: other };
    expect(await claiming).toBeUndefined();
  });

  test("is not aborted when this version's share changes", async () => {
    const { routing, queue, nextAnswer } = await watch({ current: own });
    const claim = vi.fn(untilAborted);
    const stop = new AbortController();
    const claiming = routing.whileInUse(stop.signal, claim);
    queue.answer = { current: own, ramping: ramp(other, 10) };
    await nextAnswer();
    await nextAnswer();
    expect(claim.mock.calls[0]?.[0].aborted).toBe(false);
    stop.abort();
    await expect(claiming).rejects.toThrow();
  });

  test("that is waited for ends with its signal", async () => {
    const { routing } = await watch({ current: other });
    const claim = vi.fn();
    const stop = new AbortController();
    const claiming = routing.whileInUse(stop.signal, claim);
    stop.abort();
    expect(await claiming).toBeUndefined();
    expect(claim).not.toHaveBeenCalled();
  });

  test("that fails by itself throws", async () => {
    const { routing } = await watch({ current: own });
    const down = new Error("order is down");
    await expect(routing.whileInUse(never, () => Promise.reject(down))).rejects.toBe(down);
  });
});

test("the last answer is valid while Temporal does not answer", async () => {
  const { routing, queue, nextAnswer } = await watch({ current: own });
  queue.answer = new Error("unavailable");
  await nextAnswer();
  await nextAnswer();
  expect(routing.runsAll()).toBe(true);
});

test("but only for holdsForMs", async () => {
  const { routing, queue } = await watch({ current: own }, 20);
  queue.answer = new Error("unavailable");
  await vi.waitFor(() => expect(routing.isInUse()).toBe(false));
  queue.answer = { current: own };
  await vi.waitFor(() => expect(routing.isInUse()).toBe(true));
});

test("a worker without a version runs everything", async () => {
  expect(unversioned.runsAll()).toBe(true);
  expect(unversioned.isInUse()).toBe(true);
  expect(await unversioned.whileInUse(never, async () => "claimed")).toBe("claimed");
});

test("the versions that poll are those of workflow and activity workers; others have none", async () => {
  const { client } = fakeTemporal({ taskQueue: () => ({ pollers: [own, {} as typeof own] }) });
  expect(await versionsThatPoll(client)).toEqual([
    own,
    { deploymentName: "", buildId: "" },
    own,
    { deploymentName: "", buildId: "" },
  ]);
});

function untilAborted(signal: AbortSignal): Promise<string> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
