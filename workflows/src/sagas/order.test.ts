import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { codesFor, startTemporal, type Temporal } from "../testing/temporal-environment.ts";
import { type OrderState, plan } from "./plan.ts";
import { type OrderView, poisonFailure } from "./steps.ts";

let temporal: Temporal;
beforeAll(async () => {
  temporal = await startTemporal();
}, 600_000);
afterAll(async () => await temporal?.[Symbol.asyncDispose]());

const poison = () => ApplicationFailure.create({ type: poisonFailure, nonRetryable: true, message: "a bug" });

function view(state: string, more: Partial<OrderView> = {}): OrderView {
  return { state, cancelRequested: false, paymentPending: false, expireTimeMs: 0, ...more };
}

/** The steps that the plan has for an order in this state. */
function stepsFrom(state: OrderState): string[] {
  return plan.filter(({ from }) => from.includes(state)).map(({ name }) => name);
}

/** Answers each look with the next of these views, and then that the order is COMPLETED. */
function looks(...views: OrderView[]) {
  return async () => views.shift() ?? view("COMPLETED");
}

describe("an order", () => {
  test.each<[OrderState, string[]]>([
    ["PENDING", stepsFrom("PENDING")],
    ["RESERVED", stepsFrom("RESERVED")],
    ["PAID", stepsFrom("PAID")],
    ["SHIPPING", stepsFrom("SHIPPING")],
    ["CANCELLING", ["undo"]],
  ])("that is %s gets the steps %j, and is looked at again", async (state, steps) => {
    const next = codesFor("n");
    const activities = temporal.useActivities({ look: looks(view(state)), ship: next, undo: next });
    const handle = await temporal.start("order", { orderId: "o" });
    await handle.result();
    expect(activities.names()).toEqual(["look", ...steps, "look"]);
    for (const [name, input] of activities.calls.slice(1, -1)) {
      expect([name, input]).toEqual([name, { workflowId: handle.workflowId, orderIds: ["o"] }]);
    }
  });

  test.each(["COMPLETED", "REJECTED", "CANCELLED", "EXPIRED", "GONE"])(
    "that is %s ends the workflow",
    async (state) => {
      const activities = temporal.useActivities({ look: async () => view(state) });
      await (await temporal.start("order", { orderId: "o" })).result();
      expect(activities.names()).toEqual(["look"]);
    },
  );

  test("that is gone after a step ends the workflow", async () => {
    const activities = temporal.useActivities({ look: looks(view("RESERVED")), charge: codesFor("g") });
    await (await temporal.start("order", { orderId: "o" })).result();
    expect(activities.names()).toEqual(["look", ...stepsFrom("RESERVED")]);
  });

  test("that is refused at a step is not given to the next, and undone after a look", async () => {
    const activities = temporal.useActivities({
      look: looks(view("PENDING"), view("CANCELLING")),
      reserve: codesFor("u"),
    });
    await (await temporal.start("order", { orderId: "o" })).result();
    expect(activities.names()).toEqual(["look", "reserve", "look", "undo"]);
  });

  test("that waits for a provider goes on when the provider has answered", async () => {
    const activities = temporal.useActivities({ look: looks(view("RESERVED")), charge: codesFor("w") });
    const handle = await temporal.start("order", { orderId: "o" });
    await vi.waitFor(async () => expect(await handle.query("progress")).toMatchObject({ waiting: true }), 15_000);
    await handle.signal("settled");
    await handle.result();
    expect(activities.names()).toEqual(["look", ...stepsFrom("RESERVED"), "look"]);
  });

  test("that is poison has an incident until it succeeds", async () => {
    let isBroken = true;
    const ship = async () => {
      if (isBroken) throw poison();
      return "g";
    };
    const activities = temporal.useActivities({ look: looks(view("SHIPPING")), ship });
    const handle = await temporal.start("order", { orderId: "o" });
    await vi.waitFor(() => expect(activities.names()).toContain("raiseIncident"), 15_000);
    isBroken = false;
    await handle.signal("retry");
    await handle.result();
    expect(activities.names()).toEqual(["look", "ship", "ship", "raiseIncident", "ship", "clearIncident"]);
    expect(activities.inputs("raiseIncident")).toEqual([
      { orderId: "o", workflowId: handle.workflowId, step: "ship", error: "a bug", attempts: 1 },
    ]);
  });
});

describe("an order that awaits payment", () => {
  const later = Date.now() + 3_600_000;

  test.each<[string, Partial<OrderView>, string[]]>([
    ["and has a pending attempt is charged", { paymentPending: true, expireTimeMs: later }, ["pay"]],
    ["is charged before it expires, if its attempt is pending", { paymentPending: true, expireTimeMs: 1 }, ["pay"]],
    ["and was cancelled is given up", { cancelRequested: true, expireTimeMs: later }, ["giveUp"]],
    [
      "and was cancelled is given up, though its attempt is pending",
      { cancelRequested: true, paymentPending: true, expireTimeMs: later },
      ["giveUp"],
    ],
    ["and has expired is given up", { expireTimeMs: 1 }, ["giveUp"]],
  ])("%s", async (_, more, expected) => {
    const activities = temporal.useActivities({ look: looks(view("AWAITING_PAYMENT", more)) });
    const handle = await temporal.start("order", { orderId: "o" });
    await handle.result();
    expect(activities.names()).toEqual(["look", ...expected, "look"]);
    expect(activities.calls[1]?.[1]).toEqual({ workflowId: handle.workflowId, orderId: "o" });
  });

  test.each(["pay", "cancel"])("wakes by the update %s", async (update) => {
    const waiting = view("AWAITING_PAYMENT", { expireTimeMs: later });
    const activities = temporal.useActivities({ look: looks(waiting) });
    const handle = await temporal.start("order", { orderId: "o" });
    await vi.waitFor(async () => expect(await handle.query("progress")).toMatchObject({ waiting: true }), 15_000);
    await handle.executeUpdate(update);
    await handle.result();
    expect(activities.names()).toEqual(["look", "look"]);
  });

  test("wakes when it expires", async () => {
    let expireTimeMs = 0;
    const look = vi
      .fn(async () => view("AWAITING_PAYMENT", { expireTimeMs }))
      .mockImplementationOnce(async () => {
        expireTimeMs = Date.now() + 300;
        return view("AWAITING_PAYMENT", { expireTimeMs });
      });
    const giveUp = async () => "g";
    const activities = temporal.useActivities({ look, giveUp });
    await (await temporal.start("order", { orderId: "o" })).result();
    expect(activities.names()).toEqual(["look", "look", "giveUp"]);
  });
});

describe("a refund", () => {
  const input = { orderId: "o", refundId: "r", paymentRefundId: "pr" };

  test("ends when it is settled", async () => {
    const activities = temporal.useActivities({});
    await (await temporal.start("refund", input)).result();
    expect(activities.calls).toEqual([["refund", { orderId: "o", refundId: "r" }]]);
  });

  test("waits for its provider, and asks again when that has answered", async () => {
    const outcomes = ["waits", "settled"] as const;
    const asked = outcomes.values();
    const activities = temporal.useActivities({ refund: async () => asked.next().value ?? "settled" });
    const handle = await temporal.start("refund", input);
    await vi.waitFor(async () => expect(await handle.query("progress")).toMatchObject({ waiting: true }), 15_000);
    await handle.signal("settled");
    await handle.result();
    expect(activities.names()).toEqual(["refund", "refund"]);
  });

  test("that fails for good has an incident, and is retried when an operator says so", async () => {
    let isBroken = true;
    const refund = async () => {
      if (isBroken) throw poison();
      return "settled" as const;
    };
    const activities = temporal.useActivities({ refund });
    const handle = await temporal.start("refund", input);
    await vi.waitFor(() => expect(activities.names()).toContain("raiseIncident"), 15_000);
    isBroken = false;
    await handle.signal("retry");
    await handle.result();
    expect(activities.names()).toEqual(["refund", "refund", "raiseIncident", "refund", "clearIncident"]);
  });
});

describe("the gate of a version", () => {
  async function failureOf(result: Promise<unknown>): Promise<string> {
    const error: unknown = await result.then(
      () => new Error("it passed"),
      (error) => error,
    );
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  }

  test("passes when the services agree on both orders, which its own checkout owns", async () => {
    const activities = temporal.useActivities({});
    const handle = await temporal.start("syntheticCheckout", {});
    expect(await handle.result()).toBe("the synthetic orders ended as they must, in try 1");
    const owner = `synthetic-${handle.firstExecutionRunId}-1`;
    const orders = [
      { orderId: `${owner}-sold`, endsAs: "COMPLETED" },
      { orderId: `${owner}-declined`, endsAs: "REJECTED" },
    ];
    expect(activities.calls).toEqual([
      ["placeSynthetic", { owner, orders }],
      ["carry", { workflowId: owner, orderIds: orders.map(({ orderId }) => orderId), tellEnds: true }],
      ["judgeSynthetic", { owner, orders }],
    ]);
  });

  test("fails at once with what the services do not agree on", async () => {
    const activities = temporal.useActivities({ judgeSynthetic: async () => ["order a is lost", "and b"] });
    const handle = await temporal.start("syntheticCheckout", { tries: 3 });
    expect(await failureOf(handle.result())).toBe("the synthetic checkout failed: order a is lost; and b");
    expect(activities.inputs("placeSynthetic")).toHaveLength(1);
  });

  test("fails when its checkout hands an order over", async () => {
    temporal.useActivities({ carry: async () => "gw" });
    const handle = await temporal.start("syntheticCheckout", {});
    expect(await failureOf(handle.result())).toBe(
      "the synthetic checkout failed: this version handed 1 of its orders over, since a step failed on them",
    );
  });

  test("fails when its orders cannot be placed", async () => {
    const placeSynthetic = async () => {
      throw poison();
    };
    temporal.useActivities({ placeSynthetic });
    const handle = await temporal.start("syntheticCheckout", {});
    expect(await failureOf(handle.result())).toBe("the synthetic checkout failed: a bug");
  });

  test("is tried again when it was too slow, and then fails", async () => {
    const { promise: never, resolve: end } = Promise.withResolvers<string>();
    const activities = temporal.useActivities({ carry: () => never });
    const handle = await temporal.start("syntheticCheckout", { withinMs: 1_000, tries: 2 });
    expect(await failureOf(handle.result())).toBe(
      "the synthetic checkout failed: the checkout took longer than 1000 ms",
    );
    expect(activities.inputs("placeSynthetic")).toHaveLength(2);
    end("gg");
  });
});
