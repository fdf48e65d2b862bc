import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { Order } from "@sagacart/proto/order/v1/order";
import {
  type BatchChargeResponse_OutcomeSchema,
  type BatchVoidResponse_OutcomeSchema,
  BatchChargeResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/payment/v1/payment_service";
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
import { charge, voidPayments } from "./charge.ts";

type ChargeOutcome = Exclude<MessageInitShape<typeof BatchChargeResponse_OutcomeSchema>["outcome"], undefined>;

const captured: ChargeOutcome = { case: "captured", value: { paymentId: "payment-1" } };
const refused = (reason: Refusal, declineReason = ""): ChargeOutcome => ({
  case: "refused",
  value: { reason, declineReason },
});

function paymentThatAnswers(outcome: ChargeOutcome): Fakes["payment"] {
  return { batchCharge: ({ items }) => ({ outcomes: items.map(({ orderId }) => ({ orderId, outcome })) }) };
}

function contextOf(order: Order, outcome: ChargeOutcome = captured, movesTo?: OrderState) {
  const saga = fakeSaga([order], movesTo === undefined ? {} : { [order.id]: movesTo });
  return fakeContext({ saga, payment: paymentThatAnswers(outcome) });
}

const input = { workflowId, orderIds: ["o"] };
const cancelRequestTime = timestampFromMs(1_000);
const throughPaid = { orderId: "o", states: ["STATE_RESERVED", "STATE_PAID", "STATE_SHIPPING"] };
const throughReserved = { orderId: "o", states: ["STATE_RESERVED", "STATE_CANCELLING"], endsAs: "STATE_REJECTED" };

test.each<OrderState>(["PENDING", "RESERVED"])("the money of an order that is %s is taken, once", async (state) => {
  const context = contextOf(anOrder("o", state));
  expect(await charge(context, input)).toEqual(["next"]);
  expect(context.calls[1]).toEqual([
    "payment.batchCharge",
    {
      items: [
        {
          orderId: "o",
          attempt: 1,
          customerId: "c",
          paymentMethod: "pm_ok",
          amount: { currencyCode: "EUR", minorUnits: "1000" },
        },
      ],
    },
  ]);
  expect(movesIn(context.calls)).toEqual([throughPaid]);
});

test.each<[string, ChargeOutcome, string, object]>([
  ["captured", captured, "next", throughPaid],
  [
    "declined",
    refused(Refusal.DECLINED, "insufficient_funds"),
    "undo",
    { ...throughReserved, outcomeReason: "PAYMENT_DECLINED", outcomeDetail: "insufficient_funds" },
  ],
  ...(["VOIDED", "DIFFERS", "EXISTS", "UNSPECIFIED"] as const).map(
    (reason): [string, ChargeOutcome, string, object] => [
      `refused as ${reason}`,
      refused(Refusal[reason]),
      "undo",
      { ...throughReserved, outcomeReason: "FAILED", outcomeDetail: `payment: ${reason}` },
    ],
  ),
  ["pending", { case: "waits", value: {} }, "waits", { orderId: "o", states: ["STATE_RESERVED"] }],
  ["of an unknown outcome", { case: undefined }, "waits", { orderId: "o", states: ["STATE_RESERVED"] }],
])("an order whose charge is %s", async (_, outcome, next, move) => {
  const context = contextOf(anOrder("o", "PENDING"), outcome);
  expect(await charge(context, input)).toEqual([next]);
  expect(movesIn(context.calls)).toEqual([move]);
});

test("a decline reason that is too long is cut to what the order service takes", async () => {
  const context = contextOf(anOrder("o", "PENDING"), refused(Refusal.DECLINED, "x".repeat(600)));
  expect(await charge(context, input)).toEqual(["undo"]);
  expect(movesIn(context.calls)).toEqual([
    { ...throughReserved, outcomeReason: "PAYMENT_DECLINED", outcomeDetail: "x".repeat(500) },
  ]);
});

test.each<OrderState>(["PENDING", "RESERVED"])(
  "an order that is %s and to be cancelled is not charged: the move cancels it",
  async (state) => {
    const context = contextOf(anOrder("o", state, { cancelRequestTime }), captured, "CANCELLING");
    expect(await charge(context, input)).toEqual(["undo"]);
    expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "saga.batchMove"]);
    expect(movesIn(context.calls)).toEqual([throughPaid]);
  },
);

test("an order that is PAID already is moved on without another charge", async () => {
  const context = contextOf(anOrder("o", "PAID"));
  expect(await charge(context, input)).toEqual(["next"]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "saga.batchMove"]);
});

test.each<[OrderState, string]>([
  ["AWAITING_PAYMENT", "gone"],
  ["SHIPPING", "next"],
  ["CANCELLING", "undo"],
  ["COMPLETED", "gone"],
  ["REJECTED", "gone"],
  ["CANCELLED", "gone"],
  ["EXPIRED", "gone"],
])("an order that is %s is neither charged nor moved: %s", async (state, outcome) => {
  const context = contextOf(anOrder("o", state));
  expect(await charge(context, input)).toEqual([outcome]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin"]);
});

test("an order that lost its owner while it was charged is gone", async () => {
  const saga = fakeSaga([anOrder("o", "PENDING")], { o: "UNSPECIFIED" });
  expect(await charge(fakeContext({ saga, payment: paymentThatAnswers(captured) }), input)).toEqual(["gone"]);
});

test("a charge without an answer fails the step, and no order is moved", async () => {
  const payment = {
    batchCharge: () => {
      throw refusal("DATABASE_TIMEOUT", Code.DeadlineExceeded);
    },
  };
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "PENDING")]), payment });
  await expect(charge(context, input)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(movesIn(context.calls)).toEqual([]);
});

test("voidPayments returns the orders with nothing charged, not those whose provider has not answered", async () => {
  const paidBack = { currencyCode: "USD", minorUnits: 100n };
  const outcomes: MessageInitShape<typeof BatchVoidResponse_OutcomeSchema>[] = [
    { orderId: "a", outcome: { case: "voided", value: { refunded: true, payBack: { paidBack } } } },
    // An earlier version of the payment service does not tell.
    { orderId: "old", outcome: { case: "voided", value: { refunded: true } } },
    { orderId: "b", outcome: { case: "waits", value: {} } },
    { orderId: "c" },
  ];
  const { services, calls } = fakeContext({ payment: { batchVoid: () => ({ outcomes }) } });
  expect(await voidPayments(services, ["a", "b", "c"])).toMatchObject([
    { orderId: "a", payBack: { paidBack } },
    { orderId: "old" },
  ]);
  // Attempt 0: all attempts of the order.
  expect(calls).toEqual([["payment.batchVoid", { items: [{ orderId: "a" }, { orderId: "b" }, { orderId: "c" }] }]]);
});
