import { Code } from "@connectrpc/connect";
import { BatchReserveResponse_Refused_Reason } from "@sagacart/proto/stock/v1/stock_service";
import { expect, test } from "vitest";
import { outcomeActivities, plan } from "../sagas/plan.ts";
import { poisonFailure, transientFailure } from "../sagas/steps.ts";
import { anOrder, fakeSaga, fakeServices, refusal, rpcsIn, workflowId } from "../testing/fake-services.ts";
import { createActivities } from "./activities.ts";

const captured = { case: "captured", value: { paymentId: "p" } } as const;

test("each step of the plan is an activity, and each activity with outcomes is one", () => {
  const names = Object.keys(createActivities(fakeServices({}).services));
  expect(names).toEqual(expect.arrayContaining(plan.map(({ name }) => name)));
  expect(names).toEqual(expect.arrayContaining([...outcomeActivities]));
});

test("outcomes are encoded, one letter for each order of the input", async () => {
  const { services } = fakeServices({
    saga: fakeSaga([anOrder("a", "PENDING"), anOrder("b", "PENDING"), anOrder("c", "PENDING")]),
    payment: {
      batchCharge: () => ({
        outcomes: [
          { orderId: "a", outcome: captured },
          { orderId: "b", outcome: { case: "refused", value: {} } },
          { orderId: "c", outcome: { case: "waits", value: {} } },
        ],
      }),
    },
  });
  expect(await createActivities(services).charge({ workflowId, orderIds: ["c", "d", "b", "a"] })).toBe("wxun");
});

test.each([
  ["REJECTED", "d"],
  ["CANCELLED", "c"],
  ["EXPIRED", "e"],
  // Another workflow took it meanwhile.
  ["UNSPECIFIED", "x"],
] as const)("an order that is undone and ends %s is told as %s", async (state, code) => {
  const { services } = fakeServices({
    saga: fakeSaga([anOrder("a", "CANCELLING")], { a: state }),
    stock: { batchRelease: () => ({ outcomes: [{ orderId: "a", outcome: { case: "released", value: {} } }] }) },
    payment: { batchVoid: () => ({ outcomes: [{ orderId: "a", outcome: { case: "voided", value: {} } }] }) },
  });
  expect(await createActivities(services).undo({ workflowId, orderIds: ["a"] })).toBe(code);
});

test("an order that is sold out, and one that is shipped, are told as such", async () => {
  const soldOut = { case: "refused", value: { reason: BatchReserveResponse_Refused_Reason.OUT_OF_STOCK } } as const;
  const accepted = { case: "accepted", value: { trackingNumber: "t" } } as const;
  const committed = { case: "committed", value: {} } as const;
  const { services } = fakeServices({
    saga: fakeSaga([anOrder("a", "PENDING"), anOrder("b", "SHIPPING")]),
    stock: {
      batchReserve: () => ({ outcomes: [{ orderId: "a", outcome: soldOut }] }),
      batchCommit: () => ({ outcomes: [{ orderId: "b", outcome: committed }] }),
    },
    shipping: { batchCreateShipments: () => ({ outcomes: [{ orderId: "b", outcome: accepted }] }) },
  });
  const { reserve, ship } = createActivities(services);
  expect(await reserve({ workflowId, orderIds: ["a"] })).toBe("s");
  expect(await ship({ workflowId, orderIds: ["b"] })).toBe("g");
});

test("the steps share their orders", async () => {
  const { services, calls } = fakeServices({
    saga: fakeSaga([anOrder("a", "PENDING")]),
    stock: { batchReserve: () => ({ outcomes: [{ orderId: "a", outcome: { case: "reserved", value: {} } }] }) },
    payment: { batchCharge: () => ({ outcomes: [{ orderId: "a", outcome: captured }] }) },
  });
  const activities = createActivities(services);
  const input = { workflowId, orderIds: ["a"] };
  expect(await activities.reserve(input)).toBe("n");
  expect(await activities.charge(input)).toBe("n");
  expect(rpcsIn(calls)).toEqual(["saga.batchBegin", "stock.batchReserve", "payment.batchCharge", "saga.batchMove"]);
});

test("an undo voids the payment before it releases the stock", async () => {
  const { services, calls } = fakeServices({
    saga: fakeSaga([anOrder("a", "CANCELLING")]),
    stock: { batchRelease: () => ({ outcomes: [{ orderId: "a", outcome: { case: "released", value: {} } }] }) },
    payment: { batchVoid: () => ({ outcomes: [{ orderId: "a", outcome: { case: "voided", value: {} } }] }) },
  });
  expect(await createActivities(services).undo({ workflowId, orderIds: ["a"] })).toBe("c");
  expect(rpcsIn(calls)).toEqual(["saga.batchBegin", "payment.batchVoid", "stock.batchRelease", "saga.batchMove"]);
});

test.each([
  [Code.Unavailable, transientFailure],
  [Code.Internal, poisonFailure],
])("a service's error (%i) is a failure of type %s", async (code, type) => {
  const batchBegin = () => {
    throw refusal("BROKEN", code);
  };
  const activities = createActivities(fakeServices({ saga: { batchBegin } }).services);
  await expect(activities.reserve({ workflowId, orderIds: ["a"] })).rejects.toMatchObject({ type });
  await expect(activities.look({ workflowId, orderId: "a" })).rejects.toMatchObject({ type });
});

test("hand-overs and incidents reach the order service; a long error is cut to what it takes", async () => {
  const { services, calls } = fakeServices({
    saga: { batchHandOver: () => ({}), raiseIncident: () => ({}), clearIncident: () => ({}) },
  });
  const { handOver, raiseIncident, clearIncident } = createActivities(services);
  await handOver({ workflowId, orderIds: ["a"], why: "poison" });
  await raiseIncident({ orderId: "a", workflowId, step: "charge", error: "x".repeat(3_000), attempts: 2 });
  await clearIncident({ orderId: "a", step: "charge" });
  expect(calls).toEqual([
    ["saga.batchHandOver", { workflowId, orderIds: ["a"], why: "poison" }],
    ["saga.raiseIncident", { orderId: "a", workflowId, step: "charge", error: "x".repeat(2_000), attempts: 2 }],
    ["saga.clearIncident", { orderId: "a", step: "charge" }],
  ]);
});
