import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Order } from "@sagacart/proto/order/v1/order";
import {
  type BatchReserveResponse_OutcomeSchema,
  BatchReserveResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/stock/v1/stock_service";
import { describe, expect, test } from "vitest";
import type { OrderState } from "../sagas/plan.ts";
import {
  anOrder,
  type Fakes,
  fakeContext,
  fakeSaga,
  movesIn,
  payLater,
  refusal,
  rpcsIn,
  workflowId,
} from "../testing/fake-services.ts";
import { release, reserve } from "./reserve.ts";

type StockOutcome = Exclude<MessageInitShape<typeof BatchReserveResponse_OutcomeSchema>["outcome"], undefined>;

const reserved: StockOutcome = { case: "reserved", value: {} };
const refused = (reason: Refusal): StockOutcome => ({ case: "refused", value: { reason } });

/** Stock that answers this for each order. */
function stockThatAnswers(outcome: StockOutcome): Fakes["stock"] {
  return { batchReserve: ({ items }) => ({ outcomes: items.map(({ orderId }) => ({ orderId, outcome })) }) };
}

function contextOf(order: Order, outcome: StockOutcome = reserved, movesTo?: OrderState) {
  const saga = fakeSaga([order], movesTo === undefined ? {} : { [order.id]: movesTo });
  return fakeContext({ saga, stock: stockThatAnswers(outcome) });
}

const input = { workflowId, orderIds: ["o"] };

test("a reserved order that is paid at once goes on, and is not moved yet", async () => {
  const context = contextOf(anOrder("o", "PENDING"));
  expect(await reserve(context, input)).toEqual(["next"]);
  expect(context.calls).toEqual([
    ["saga.batchBegin", { workflowId, orderIds: ["o"] }],
    ["stock.batchReserve", { items: [{ orderId: "o", lines: [{ productId: "p", quantity: 2 }] }] }],
  ]);
});

test("a reserved order that is paid later moves to AWAITING_PAYMENT, and its reservation expires with it", async () => {
  const context = contextOf(payLater("o", "PENDING", { expireMs: 60_000 }));
  expect(await reserve(context, input)).toEqual(["waits"]);
  expect(context.calls[1]).toEqual([
    "stock.batchReserve",
    { items: [{ orderId: "o", lines: [{ productId: "p", quantity: 2 }], expireTime: "1970-01-01T00:01:00Z" }] },
  ]);
  expect(movesIn(context.calls)).toEqual([{ orderId: "o", states: ["STATE_RESERVED", "STATE_AWAITING_PAYMENT"] }]);
});

test("an order that is out of stock is rejected, with what was short", async () => {
  const shortages = [{ productId: "p", requested: 2, available: 1 }];
  const context = contextOf(anOrder("o", "PENDING"), {
    case: "refused",
    value: { reason: Refusal.OUT_OF_STOCK, shortages },
  });
  expect(await reserve(context, input)).toEqual(["gone"]);
  expect(movesIn(context.calls)).toEqual([
    { orderId: "o", states: ["STATE_REJECTED"], outcomeReason: "OUT_OF_STOCK", shortages },
  ]);
});

test.each([
  ["EXPIRED", refused(Refusal.EXPIRED), "STATE_EXPIRED", "PAYMENT_OVERDUE", undefined],
  ["RELEASED", refused(Refusal.RELEASED), "STATE_CANCELLED", "FAILED", "reservation: RELEASED"],
  ["DIFFERS", refused(Refusal.DIFFERS), "STATE_CANCELLED", "FAILED", "reservation: DIFFERS"],
  ["UNSPECIFIED", refused(Refusal.UNSPECIFIED), "STATE_CANCELLED", "FAILED", "reservation: UNSPECIFIED"],
  ["unknown to us", refused(99 as Refusal), "STATE_CANCELLED", "FAILED", "reservation: 99"],
  ["missing", { case: undefined }, "STATE_CANCELLED", "FAILED", "reservation: UNSPECIFIED"],
] as const)(
  "a reservation refused for a reason that is %s begins the undo",
  async (_, outcome, endsAs, reason, detail) => {
    const context = contextOf(anOrder("o", "PENDING"), outcome as StockOutcome);
    expect(await reserve(context, input)).toEqual(["undo"]);
    expect(movesIn(context.calls)).toEqual([
      {
        orderId: "o",
        states: ["STATE_CANCELLING"],
        endsAs,
        outcomeReason: reason,
        ...(detail === undefined ? {} : { outcomeDetail: detail }),
      },
    ]);
  },
);

test.each<[OrderState, string]>([
  ["RESERVED", "next"],
  ["PAID", "next"],
  ["SHIPPING", "next"],
  ["AWAITING_PAYMENT", "waits"],
  ["CANCELLING", "undo"],
  ["COMPLETED", "gone"],
  ["REJECTED", "gone"],
  ["CANCELLED", "gone"],
  ["EXPIRED", "gone"],
])("an order that is %s already is not reserved again: %s", async (state, outcome) => {
  const context = contextOf(anOrder("o", state));
  expect(await reserve(context, input)).toEqual([outcome]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin"]);
});

test("an order that another workflow owns is gone", async () => {
  const context = fakeContext({ saga: fakeSaga([]) });
  expect(await reserve(context, input)).toEqual(["gone"]);
});

test("an order that was cancelled meanwhile is undone in place of its move", async () => {
  const context = contextOf(payLater("o", "PENDING"), reserved, "CANCELLING");
  expect(await reserve(context, input)).toEqual(["undo"]);
});

test("outcomes are in the order of the input, and one call has at most 10,000 lines", async () => {
  const many = Array.from({ length: 6_000 }, (_, index) => ({ productId: `p${index}`, quantity: 1 }));
  const orders = [
    anOrder("a", "PENDING", { lines: many }),
    anOrder("b", "CANCELLING"),
    anOrder("c", "PENDING", { lines: many }),
  ];
  const context = fakeContext({ saga: fakeSaga(orders), stock: stockThatAnswers(reserved) });
  // Not through the interceptors, whose rules allow fewer lines an order.
  const sizes: number[] = [];
  const stock = {
    ...context.services.stock,
    batchReserve: async (request: { items?: { orderId?: string }[] }) => {
      sizes.push(request.items?.length ?? 0);
      return { outcomes: (request.items ?? []).map(({ orderId = "" }) => ({ orderId, outcome: reserved })) };
    },
  };
  const withStock = { ...context, services: { ...context.services, stock: stock as never } };
  expect(await reserve(withStock, { workflowId, orderIds: ["c", "other", "b", "a"] })).toEqual([
    "next",
    "gone",
    "undo",
    "next",
  ]);
  expect(sizes).toEqual([1, 1]);
});

describe("a service that fails makes the step fail", () => {
  const failing = () => {
    throw refusal("CONTENTION", Code.Aborted);
  };
  test.each<[string, Fakes]>([
    ["the order service, when it is asked for the orders", { saga: { ...fakeSaga([]), batchBegin: failing } }],
    ["stock", { saga: fakeSaga([anOrder("o", "PENDING")]), stock: { batchReserve: failing } }],
    [
      "the order service, when it moves them",
      {
        saga: { ...fakeSaga([payLater("o", "PENDING")]), batchMove: failing },
        stock: stockThatAnswers(reserved),
      },
    ],
  ])("%s", async (_, fakes) => {
    await expect(reserve(fakeContext(fakes), input)).rejects.toMatchObject({ code: Code.Aborted });
  });
});

test("release returns the orders for which nothing is held, not those whose stock is sold", async () => {
  const context = fakeContext({
    stock: {
      batchRelease: () => ({
        outcomes: [
          { orderId: "a", outcome: { case: "released", value: {} } },
          { orderId: "b", outcome: { case: "committed", value: {} } },
        ],
      }),
    },
  });
  expect(await release(context.services, ["a", "b"])).toEqual([{ orderId: "a" }]);
});
