import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { codesFor, startTemporal, type Temporal } from "../testing/temporal-environment.ts";
import { plan } from "./plan.ts";
import { poisonFailure, type StepInput, transientFailure } from "./steps.ts";

let temporal: Temporal;
beforeAll(async () => {
  temporal = await startTemporal();
}, 600_000);
afterAll(async () => await temporal?.[Symbol.asyncDispose]());

const poison = () => ApplicationFailure.create({ type: poisonFailure, nonRetryable: true, message: "a bug" });
/** Transient, but fails each kind of activity at its first attempt: the test need not wait for ten. */
const transientOnce = () =>
  ApplicationFailure.create({ type: transientFailure, nonRetryable: true, message: "stock is down" });
const fail = async () => {
  throw poison();
};

describe("all steps at once", () => {
  test("one activity runs all steps of a batch", async () => {
    const activities = temporal.useActivities({});
    const handle = await temporal.start("checkout", { orderIds: ["a", "b"], atOnce: true });
    expect(await handle.result()).toEqual({ settled: 2, handedOver: 0 });
    expect(activities.calls).toEqual([["carry", { workflowId: handle.workflowId, orderIds: ["a", "b"] }]]);
  });

  test("orders that wait are handed over, and those left to undo are undone", async () => {
    const activities = temporal.useActivities({ carry: async () => "gwuw" });
    const handle = await temporal.start("checkout", { orderIds: ["a", "b", "c", "d"], atOnce: true });
    expect(await handle.result()).toEqual({ settled: 2, handedOver: 2 });
    const { workflowId } = handle;
    expect(activities.inputs("handOver")).toEqual([{ workflowId, orderIds: ["b", "d"], why: "waits" }]);
    expect(activities.inputs("undo")).toEqual([{ workflowId, orderIds: ["c"] }]);
  });

  test.each([
    ["poison", poison],
    ["transient", transientOnce],
  ])("a %s failure makes the steps run one by one", async (_, failure) => {
    const carry = async () => {
      throw failure();
    };
    const activities = temporal.useActivities({ carry });
    const handle = await temporal.start("checkout", { orderIds: ["a"], atOnce: true });
    expect(await handle.result()).toEqual({ settled: 1, handedOver: 0 });
    expect(activities.names()).toEqual(["carry", ...plan.map(({ name }) => name)]);
  });
});

describe("one step after the other", () => {
  test("each step gets the orders that go on", async () => {
    const activities = temporal.useActivities({
      reserve: async () => "gnnw",
      charge: async () => "un",
      ship: codesFor("g"),
    });
    const handle = await temporal.start("checkout", { orderIds: ["a", "b", "c", "d"] });
    expect(await handle.result()).toEqual({ settled: 3, handedOver: 1 });
    const { workflowId } = handle;
    expect(activities.inputs("charge")).toEqual([{ workflowId, orderIds: ["b", "c"] }]);
    expect(activities.inputs("ship")).toEqual([{ workflowId, orderIds: ["c"] }]);
    expect(activities.inputs("undo")).toEqual([{ workflowId, orderIds: ["b"] }]);
    expect(activities.inputs("handOver")).toEqual([{ workflowId, orderIds: ["d"], why: "waits" }]);
  });

  test("an undo that waits is handed over", async () => {
    const activities = temporal.useActivities({ charge: codesFor("u"), undo: codesFor("w") });
    const handle = await temporal.start("checkout", { orderIds: ["a"] });
    expect(await handle.result()).toEqual({ settled: 0, handedOver: 1 });
    expect(activities.names().slice(-3)).toEqual(["charge", "undo", "handOver"]);
  });

  test("a batch is halved until the poison order is alone, and that one is handed over", async () => {
    const charge = async ({ orderIds }: StepInput) => {
      if (orderIds.includes("c")) throw poison();
      return "n".repeat(orderIds.length);
    };
    const activities = temporal.useActivities({ charge });
    const handle = await temporal.start("checkout", { orderIds: ["a", "b", "c", "d", "e"] });
    expect(await handle.result()).toEqual({ settled: 4, handedOver: 1 });
    const { workflowId } = handle;
    const charged = activities.inputs("charge").map((input) => (input as StepInput).orderIds.join(""));
    expect(charged).toEqual(["abcde", "abc", "ab", "c", "de"]);
    expect(activities.inputs("handOver")).toEqual([{ workflowId, orderIds: ["c"], why: "poison" }]);
    expect(activities.inputs("ship")).toEqual([{ workflowId, orderIds: ["a", "b", "d", "e"] }]);
    expect(activities.names()).not.toContain("raiseIncident");
  });

  test("a poison order of the undo is handed over too", async () => {
    const activities = temporal.useActivities({ charge: codesFor("u"), undo: fail });
    const handle = await temporal.start("checkout", { orderIds: ["a"] });
    expect(await handle.result()).toEqual({ settled: 0, handedOver: 1 });
    expect(activities.inputs("handOver")).toMatchObject([{ orderIds: ["a"], why: "poison" }]);
  });

  test("cancelling the workflow changes nothing", async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const reserve = async ({ orderIds }: StepInput) => {
      await mayEnd;
      return "n".repeat(orderIds.length);
    };
    const activities = temporal.useActivities({ reserve });
    const handle = await temporal.start("checkout", { orderIds: ["a"] });
    await vi.waitFor(() => expect(activities.names()).toContain("reserve"), 15_000);
    await handle.cancel();
    end();
    expect(await handle.result()).toEqual({ settled: 1, handedOver: 0 });
    expect(activities.names()).not.toContain("undo");
  });
});

describe("a step that fails", () => {
  /** A reserve that fails this often, and the kinds of activity that it was called as. */
  function failing(times: number, failure: () => ApplicationFailure) {
    const kinds: string[] = [];
    const reserve = async ({ orderIds }: StepInput) => {
      kinds.push(Context.current().info.isLocal ? "local" : "ordinary");
      if (kinds.length <= times) throw failure();
      return "n".repeat(orderIds.length);
    };
    return { kinds, reserve };
  }

  const transient = () => ApplicationFailure.create({ type: transientFailure, message: "stock is down" });

  test("is retried locally, then as an ordinary activity, without an incident", async () => {
    const { kinds, reserve } = failing(4, transient);
    const activities = temporal.useActivities({ reserve });
    const handle = await temporal.start("checkout", { orderIds: ["a"] });
    expect(await handle.result()).toEqual({ settled: 1, handedOver: 0 });
    expect(kinds).toEqual(["local", "local", "local", "ordinary", "ordinary"]);
    expect(activities.names()).not.toContain("raiseIncident");
  });

  test("raises an incident, is retried when an operator says so, and clears the incident once it succeeds", async () => {
    const { kinds, reserve } = failing(3, transientOnce);
    const activities = temporal.useActivities({ reserve });
    const handle = await temporal.start("checkout", { orderIds: ["a", "b"] });
    const pauses = async () => {
      const { events } = await handle.fetchHistory();
      return (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) =>
        timer == null ? [] : [Number(timer.startToFireTimeout?.seconds)],
      );
    };
    await vi.waitFor(async () => expect(await pauses()).toEqual([60]), 15_000);
    expect(await handle.query("progress")).toEqual({
      step: "reserve",
      attempt: 2,
      waiting: false,
      lastError: "stock is down",
    });
    await handle.signal("retry");
    await vi.waitFor(async () => expect(await pauses()).toEqual([60, 120]), 15_000);
    await handle.signal("retry");
    expect(await handle.result()).toEqual({ settled: 2, handedOver: 0 });
    expect(kinds).toEqual(["local", "ordinary", "ordinary", "ordinary"]);
    const incident = {
      orderId: "a",
      workflowId: handle.workflowId,
      step: "reserve",
      error: "stock is down",
    };
    expect(activities.inputs("raiseIncident")).toEqual([
      { ...incident, attempts: 1 },
      { ...incident, attempts: 2 },
    ]);
    expect(activities.inputs("clearIncident")).toEqual([{ orderId: "a", step: "reserve" }]);
  });
});
