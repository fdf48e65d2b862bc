import { silentLog } from "@sagacart/chassis/testing/log";
import { Context } from "@temporalio/activity";
import { ApplicationFailure, defineSearchAttributeKey } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createOrderSearch, orderSearchAttribute } from "../dispatch/order-search.ts";
import { codesFor, startTemporal, type Temporal } from "../testing/temporal-environment.ts";
import { ordersText } from "./codes.ts";
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
    expect(await handle.result()).toEqual({ settled: 2, handedOver: 0, summary: "2 orders, 2 completed" });
    expect(activities.calls).toEqual([["carry", { workflowId: handle.workflowId, orderIds: ["a", "b"] }]]);
  });

  test("orders that wait are handed over, and those left to undo are undone", async () => {
    const activities = temporal.useActivities({ carry: async () => "gwuw" });
    const handle = await temporal.start("checkout", { orderIds: ["a", "b", "c", "d"], atOnce: true });
    expect(await handle.result()).toEqual({
      settled: 2,
      handedOver: 2,
      summary: "4 orders, 2 completed, 2 handed over",
    });
    const { workflowId } = handle;
    expect(activities.inputs("handOver")).toEqual([{ workflowId, orderIds: ["b", "d"], why: "waits" }]);
    expect(activities.inputs("undo")).toEqual([{ workflowId, orderIds: ["c"] }]);
  });

  test("Temporal's page says how the orders ended, without an event for it", async () => {
    temporal.useActivities({ carry: async () => "ggdscexw" });
    const handle = await temporal.start("checkout", {
      orderIds: ["a", "b", "c", "d", "e", "f", "g", "h"],
      atOnce: true,
    });
    const { summary } = await handle.result();

    expect(summary).toBe(
      "8 orders, 2 completed, 1 sold out, 1 declined, 1 cancelled, 1 expired, 1 skipped, 1 handed over",
    );
    const metadata = await handle.query<{ currentDetails?: string }>("__temporal_workflow_metadata");
    expect(metadata.currentDetails).toBe(summary);
    const { events } = await handle.fetchHistory();
    // As many as for a batch where all went well, and those of the hand-over.
    expect(events?.filter(({ upsertWorkflowSearchAttributesEventAttributes: upsert }) => upsert)).toEqual([]);
    expect(events?.filter(({ workflowPropertiesModifiedEventAttributes: memo }) => memo)).toEqual([]);
  });

  test("a batch that is found by its orders has six events, as one that is not", async () => {
    temporal.useActivities({});
    const orderIds = Array.from({ length: 51 }, () => crypto.randomUUID());
    const { client, taskQueue } = temporal;
    const start = (found: object) =>
      client.workflow.start("checkout", {
        ...found,
        args: [{ orderIds, atOnce: true }],
        workflowId: crypto.randomUUID(),
        taskQueue,
        staticSummary: ordersText(orderIds.length),
      });
    const [plain, handle] = [await start({}), await createOrderSearch(silentLog).start(orderIds, start)];
    await Promise.all([plain.result(), handle.result()]);

    const lengths = await Promise.all([plain, handle].map(async (one) => (await one.fetchHistory()).events?.length));
    expect(lengths).toEqual([6, 6]);
    expect(await (await handle.describe()).staticSummary()).toBe("51 orders");
    const query = `${orderSearchAttribute} = "${orderIds[50]}"`;
    const found = async () => {
      const ids: string[] = [];
      for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
      return ids;
    };
    await expect.poll(found).toEqual([handle.workflowId]);
  });

  test("Temporal refuses the attribute of a batch that is larger than what is set for one", async () => {
    const value = Array.from({ length: 60 }, () => crypto.randomUUID());
    const key = defineSearchAttributeKey(orderSearchAttribute, "KEYWORD_LIST");
    const { client, taskQueue } = temporal;
    const starting = client.workflow.start("checkout", {
      typedSearchAttributes: [{ key, value }],
      args: [{ orderIds: value, atOnce: true }],
      workflowId: crypto.randomUUID(),
      taskQueue,
    });
    await expect(starting).rejects.toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: expect.stringContaining("2048") }) }),
    );
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
    expect(await handle.result()).toEqual({ settled: 1, handedOver: 0, summary: "1 order, 1 completed" });
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
    expect(await handle.result()).toEqual({
      settled: 3,
      handedOver: 1,
      summary: "4 orders, 3 completed, 1 handed over",
    });
    const { workflowId } = handle;
    expect(activities.inputs("charge")).toEqual([{ workflowId, orderIds: ["b", "c"] }]);
    expect(activities.inputs("ship")).toEqual([{ workflowId, orderIds: ["c"] }]);
    expect(activities.inputs("undo")).toEqual([{ workflowId, orderIds: ["b"] }]);
    expect(activities.inputs("handOver")).toEqual([{ workflowId, orderIds: ["d"], why: "waits" }]);
  });

  test("an undo that waits is handed over", async () => {
    const activities = temporal.useActivities({ charge: codesFor("u"), undo: codesFor("w") });
    const handle = await temporal.start("checkout", { orderIds: ["a"] });
    expect(await handle.result()).toEqual({ settled: 0, handedOver: 1, summary: "1 order, 1 handed over" });
    expect(activities.names().slice(-3)).toEqual(["charge", "undo", "handOver"]);
  });

  test("a batch is halved until the poison order is alone, and that one is handed over", async () => {
    const charge = async ({ orderIds }: StepInput) => {
      if (orderIds.includes("c")) throw poison();
      return "n".repeat(orderIds.length);
    };
    const activities = temporal.useActivities({ charge });
    const handle = await temporal.start("checkout", { orderIds: ["a", "b", "c", "d", "e"] });
    expect(await handle.result()).toEqual({
      settled: 4,
      handedOver: 1,
      summary: "5 orders, 4 completed, 1 handed over",
    });
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
    expect(await handle.result()).toEqual({ settled: 0, handedOver: 1, summary: "1 order, 1 handed over" });
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
    expect(await handle.result()).toEqual({ settled: 1, handedOver: 0, summary: "1 order, 1 completed" });
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
    expect(await handle.result()).toEqual({ settled: 1, handedOver: 0, summary: "1 order, 1 completed" });
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
    expect(await handle.result()).toEqual({ settled: 2, handedOver: 0, summary: "2 orders, 2 completed" });
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
