import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type BatchCreateShipmentsResponse_OutcomeSchema,
  BatchCreateShipmentsResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/shipping/v1/shipping_service";
import type { BatchCommitResponse_OutcomeSchema } from "@sagacart/proto/stock/v1/stock_service";
import { expect, test } from "vitest";
import type { OrderState } from "../sagas/plan.ts";
import {
  anOrder,
  type Fakes,
  fakeContext,
  fakeSaga,
  movesIn,
  refusal,
  rpcsIn,
  workflowId,
} from "../testing/fake-services.ts";
import { ship } from "./ship.ts";

type ShipOutcome = MessageInitShape<typeof BatchCreateShipmentsResponse_OutcomeSchema>["outcome"];
type CommitOutcome = MessageInitShape<typeof BatchCommitResponse_OutcomeSchema>["outcome"];

const accepted: ShipOutcome = { case: "accepted", value: { trackingNumber: "T1" } };
const committed: CommitOutcome = { case: "committed", value: {} };
const input = { workflowId, orderIds: ["o"] };

/** Shipping that gives these answers by order id, and stock that commits; anything else is accepted. */
function fakesOf(answers: Record<string, ShipOutcome> = {}, commit: CommitOutcome = committed): Fakes {
  return {
    shipping: {
      batchCreateShipments: ({ items }) =>
        ({
          outcomes: items.map(({ orderId }) => ({
            orderId,
            outcome: orderId in answers ? answers[orderId] : accepted,
          })),
        }) as MessageInitShape<never>,
    },
    stock: {
      batchCommit: ({ orderIds }) =>
        ({
          outcomes: orderIds.map((orderId) => ({ orderId, outcome: commit })),
        }) as MessageInitShape<never>,
    },
  };
}

test("the stock of an order is committed after the carrier took it, and then the order is COMPLETED", async () => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "SHIPPING")]), ...fakesOf() });
  expect(await ship(context, input)).toEqual(["gone"]);
  expect(context.calls).toEqual([
    ["saga.batchBegin", { workflowId, orderIds: ["o"] }],
    ["shipping.batchCreateShipments", { items: [{ orderId: "o", customerId: "c" }] }],
    ["stock.batchCommit", { orderIds: ["o"] }],
    ["saga.batchMove", { workflowId, items: [{ orderId: "o", states: ["STATE_COMPLETED"], trackingNumber: "T1" }] }],
  ]);
});

test("an order that is PAID passes the point of no return before the carrier is asked", async () => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "PAID")]), ...fakesOf() });
  expect(await ship(context, input)).toEqual(["gone"]);
  expect(movesIn(context.calls)).toEqual([
    { orderId: "o", states: ["STATE_SHIPPING"] },
    { orderId: "o", states: ["STATE_COMPLETED"], trackingNumber: "T1" },
  ]);
  expect(rpcsIn(context.calls).indexOf("saga.batchMove")).toBeLessThan(
    rpcsIn(context.calls).indexOf("shipping.batchCreateShipments"),
  );
});

test("an order that is PAID and cancelled by then never reaches the carrier", async () => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "PAID")], { o: "CANCELLING" }), ...fakesOf() });
  expect(await ship(context, input)).toEqual(["undo"]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "saga.batchMove"]);
});

test.each(["REFUSED", "CANCELLED", "DIFFERS"] as const)(
  "an order whose shipment is refused as %s is undone, and its stock is not committed",
  async (reason) => {
    const refused: ShipOutcome = {
      case: "refused",
      value: { reason: Refusal[reason], refusalReason: "no_service_there" },
    };
    const context = fakeContext({ saga: fakeSaga([anOrder("o", "SHIPPING")]), ...fakesOf({ o: refused }) });
    expect(await ship(context, input)).toEqual(["undo"]);
    expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "shipping.batchCreateShipments", "saga.batchMove"]);
    expect(movesIn(context.calls)).toEqual([
      {
        orderId: "o",
        states: ["STATE_CANCELLING"],
        endsAs: "STATE_CANCELLED",
        outcomeReason: "SHIPMENT_REFUSED",
        outcomeDetail: "no_service_there",
      },
    ]);
  },
);

test.each<[string, ShipOutcome]>([
  ["is pending", { case: "waits", value: {} }],
  ["has an unknown outcome", { case: undefined }],
])("an order whose shipment %s waits in SHIPPING", async (_, outcome) => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "SHIPPING")]), ...fakesOf({ o: outcome }) });
  expect(await ship(context, input)).toEqual(["waits"]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "shipping.batchCreateShipments"]);
});

test("each order of a batch has its own outcome", async () => {
  const context = fakeContext({
    saga: fakeSaga([anOrder("a", "SHIPPING"), anOrder("b", "SHIPPING"), anOrder("c", "SHIPPING")]),
    ...fakesOf({ a: { case: "waits", value: {} }, b: { case: "refused", value: { refusalReason: "no" } } }),
  });
  expect(await ship(context, { workflowId, orderIds: ["a", "b", "c", "d"] })).toEqual([
    "waits",
    "undo",
    "gone",
    "gone",
  ]);
  expect(context.calls).toContainEqual(["stock.batchCommit", { orderIds: ["c"] }]);
});

test.each<[string, CommitOutcome]>([
  ["is refused", { case: "refused", value: {} }],
  ["has an unknown outcome", { case: undefined }],
])("the step fails when a commit %s, and the order is not completed", async (_, commit) => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "SHIPPING")]), ...fakesOf({}, commit) });
  await expect(ship(context, input)).rejects.toThrow(
    "the stock of order o could not be committed after the carrier took it",
  );
  expect(movesIn(context.calls)).toEqual([]);
});

test.each<[OrderState, string]>([
  ["PENDING", "gone"],
  ["RESERVED", "gone"],
  ["AWAITING_PAYMENT", "gone"],
  ["CANCELLING", "undo"],
  ["COMPLETED", "gone"],
  ["REJECTED", "gone"],
  ["CANCELLED", "gone"],
  ["EXPIRED", "gone"],
])("an order that is %s is not shipped: %s", async (state, outcome) => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", state)]), ...fakesOf() });
  expect(await ship(context, input)).toEqual([outcome]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin"]);
});

test("a carrier that cannot be reached fails the step", async () => {
  const shipping: Fakes["shipping"] = {
    batchCreateShipments: () => {
      throw refusal("CARRIER_UNAVAILABLE", Code.Unavailable);
    },
  };
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "SHIPPING")]), shipping });
  await expect(ship(context, input)).rejects.toMatchObject({ code: Code.Unavailable });
  expect(movesIn(context.calls)).toEqual([]);
});
