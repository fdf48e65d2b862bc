import { createMetrics } from "@sagacart/chassis/process/metrics";
import { silentLog } from "@sagacart/chassis/testing/log";
import { WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import { afterEach, expect, test, vi } from "vitest";
import { createFinishedBatches } from "../activities/finished-batches.ts";
import { fakeCommands } from "../testing/fake-services.ts";
import { claimFrom, fakeTemporal } from "../testing/fake-temporal.ts";
import { type CheckoutDispatch, dispatchCheckouts } from "./checkouts.ts";
import { createMeters } from "./meters.ts";
import { createOrderSearch } from "./order-search.ts";
import { type Routing, unversioned } from "./routing.ts";

const batch = (batchId: string, ...orderIds: string[]) => ({
  batchId,
  commands: orderIds.map((orderId) => ({ id: `command-${orderId}`, kind: "CHECKOUT", orderId })),
});

let dispatch: CheckoutDispatch | undefined;
afterEach(async () => await dispatch?.[Symbol.asyncDispose]());

/** Dispatches these batches, one claim after the other. */
function dispatchBatches(
  batches: object[],
  options: { readonly routing?: Routing; readonly temporal?: ReturnType<typeof fakeTemporal> } = {},
) {
  const { temporal = fakeTemporal(), routing = unversioned } = options;
  const confirmed = vi.fn();
  const { commands, calls } = fakeCommands({
    claimCommands: claimFrom(batches),
    confirmCommands: ({ batchId }) => {
      confirmed(batchId);
      return {};
    },
  });
  const finished = createFinishedBatches();
  const metrics = createMetrics("worker");
  dispatch = dispatchCheckouts({
    temporal: temporal.client,
    routing,
    commands,
    finished,
    search: createOrderSearch(silentLog),
    log: silentLog,
    meters: createMeters(metrics, 4),
    claimer: "me",
    maxBatches: 4,
    staggerMs: 60_000,
    maxBatchOrders: 7,
    leaseMs: 1_500,
    workflowTaskTimeoutMs: 5_000,
  });
  return { temporal, confirmed, calls, finished, metrics };
}

test("a claimed batch is started as one workflow, and confirmed after that", async () => {
  const { temporal, confirmed, calls } = dispatchBatches([batch("1", "a", "b")]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith("1"));
  expect(temporal.start).toHaveBeenCalledExactlyOnceWith("checkout", {
    args: [{ orderIds: ["a", "b"], atOnce: true }],
    workflowId: "checkout-1",
    taskQueue: "checkout",
    staticSummary: "2 orders",
    typedSearchAttributes: [{ key: { name: "SagacartOrderId", type: "KEYWORD_LIST" }, value: ["a", "b"] }],
    workflowIdReusePolicy: "REJECT_DUPLICATE",
    requestEagerStart: true,
    workflowTaskTimeout: 5_000,
  });
  expect(temporal.start.mock.invocationCallOrder[0]).toBeLessThan(confirmed.mock.invocationCallOrder[0] ?? 0);
  expect(calls[0]).toEqual([
    "claimCommands",
    { claimer: "me", kinds: ["CHECKOUT"], maxCommands: 7, wait: "20s", lease: "1.500s" },
  ]);
});

test("a batch that was started before is confirmed, and does not hold up the next one", async () => {
  const temporal = fakeTemporal();
  temporal.start.mockRejectedValueOnce(
    new WorkflowExecutionAlreadyStartedError("started before", "checkout-1", "checkout"),
  );
  const { confirmed } = dispatchBatches([batch("1", "a"), batch("2", "b")], { temporal });
  await vi.waitFor(() => expect(confirmed.mock.calls).toEqual([["1"], ["2"]]));
});

test("a batch that cannot be started is not confirmed", async () => {
  const temporal = fakeTemporal();
  temporal.start.mockRejectedValueOnce(new Error("Temporal is down"));
  const { confirmed } = dispatchBatches([batch("1", "a"), batch("1", "a")], { temporal });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledExactlyOnceWith("1"));
  expect(temporal.start).toHaveBeenCalledTimes(2);
});

test("a claim without orders starts nothing", async () => {
  const { temporal, confirmed } = dispatchBatches([{}, batch("2", "b")]);
  await vi.waitFor(() => expect(confirmed.mock.calls).toEqual([["2"]]));
  expect(temporal.start).toHaveBeenCalledOnce();
});

test("a batch is not started eagerly while another version runs some of them", async () => {
  const { temporal, confirmed } = dispatchBatches([batch("1", "a")], {
    routing: { ...unversioned, runsAll: () => false },
  });
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalled());
  expect(temporal.start.mock.calls[0]?.[1]).toMatchObject({ requestEagerStart: false });
});

test("a version that is not in use claims nothing", async () => {
  const whileInUse = vi.fn(
    (signal: AbortSignal) =>
      new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined))),
  );
  const { calls } = dispatchBatches([batch("1", "a")], { routing: { ...unversioned, whileInUse } });
  await vi.waitFor(() => expect(whileInUse).toHaveBeenCalled());
  expect(calls).toEqual([]);
});

test("the next batch starts when the steps of the one before are finished", async () => {
  const { temporal, confirmed, finished } = dispatchBatches([batch("1", "a"), batch("2", "b")]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledWith("1"));
  await new Promise(setImmediate);
  expect(temporal.start).toHaveBeenCalledOnce();
  finished.announce("checkout-1");
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledWith("2"));
});

test.each([
  ["completed", undefined],
  ["failed", new Error("terminated")],
])("the next batch starts when the workflow of the one before has %s, and that is counted", async (outcome, error) => {
  const { temporal, confirmed, metrics } = dispatchBatches([batch("1", "a"), batch("2", "b")]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledWith("1"));
  temporal.end("checkout-1", error);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalledWith("2"));
  const durations = await metrics.getSingleMetricAsString("sagacart_batch_duration_seconds");
  expect(durations).toMatch(new RegExp(`_count\\{[^}]*outcome="${outcome}"[^}]*\\} 1$`, "m"));
});

test("it is idle when its batches have ended", async () => {
  const { temporal, confirmed } = dispatchBatches([batch("1", "a")]);
  await vi.waitFor(() => expect(confirmed).toHaveBeenCalled());
  const idle = vi.fn();
  const waiting = dispatch?.idle().then(idle);
  await new Promise(setImmediate);
  expect(idle).not.toHaveBeenCalled();
  temporal.end("checkout-1");
  await waiting;
});
