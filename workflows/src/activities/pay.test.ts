import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Order } from "@sagacart/proto/order/v1/order";
import {
  type BatchChargeResponse_OutcomeSchema,
  BatchChargeResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/payment/v1/payment_service";
import { expect, test } from "vitest";
import type { OrderState } from "../sagas/plan.ts";
import {
  anOrder,
  fakeContext,
  fakeSaga,
  movesIn,
  payLater,
  refusal,
  rpcsIn,
  workflowId,
} from "../testing/fake-services.ts";
import { pay } from "./pay.ts";

type ChargeOutcome = Exclude<MessageInitShape<typeof BatchChargeResponse_OutcomeSchema>["outcome"], undefined>;

const captured: ChargeOutcome = { case: "captured", value: { paymentId: "payment-1" } };
const input = { workflowId, orderId: "o" };
const waiting = () => payLater("o", "AWAITING_PAYMENT", { attempt: 3 });

/** A context in which stock and payment give these answers. */
function contextOf(
  order: Order,
  { charged = captured, pin }: { charged?: ChargeOutcome | undefined; pin?: Error } = {},
  movesTo?: OrderState,
) {
  return fakeContext({
    saga: fakeSaga([order], movesTo === undefined ? {} : { [order.id]: movesTo }),
    stock: {
      pinReservation: () => {
        if (pin !== undefined) throw pin;
        return {};
      },
    },
    payment: {
      batchCharge: ({ items }) => ({ outcomes: items.map(({ orderId }) => ({ orderId, outcome: charged })) }),
    },
  });
}

test("an order that is paid later has its stock pinned before it is charged under the attempt's number", async () => {
  const context = contextOf(waiting());
  expect(await pay(context, input)).toEqual(["next"]);
  expect(context.calls).toEqual([
    ["saga.batchBegin", { workflowId, orderIds: ["o"] }],
    ["stock.pinReservation", { id: "o" }],
    [
      "payment.batchCharge",
      {
        items: [
          {
            orderId: "o",
            attempt: 3,
            customerId: "c",
            paymentMethod: "pm_ok",
            amount: { currencyCode: "EUR", minorUnits: "1000" },
          },
        ],
      },
    ],
    [
      "saga.batchMove",
      { workflowId, items: [{ orderId: "o", states: ["STATE_RESERVED", "STATE_PAID", "STATE_SHIPPING"] }] },
    ],
  ]);
});

test("an order that was cancelled while it was charged is undone", async () => {
  expect(await pay(contextOf(waiting(), {}, "CANCELLING"), input)).toEqual(["undo"]);
});

test.each<[string, Refusal, string, string]>([
  ["with the provider's reason", Refusal.DECLINED, "lost_card", "lost_card"],
  ["without a reason", Refusal.DECLINED, "", "declined"],
  ["because the attempt was voided", Refusal.VOIDED, "", "voided"],
  ["because the attempt differs", Refusal.DIFFERS, "", "differs"],
  ["because another payment exists", Refusal.EXISTS, "", "exists"],
])("a payment refused %s is recorded, and the order awaits another attempt", async (_, reason, given, recorded) => {
  const context = contextOf(waiting(), { charged: { case: "refused", value: { reason, declineReason: given } } });
  expect(await pay(context, input)).toEqual(["next"]);
  expect(context.calls.at(-1)).toEqual([
    "saga.recordDecline",
    { workflowId, orderId: "o", attempt: 3, declineReason: recorded },
  ]);
  expect(movesIn(context.calls)).toEqual([]);
});

test.each<[string, ChargeOutcome]>([
  ["is pending", { case: "waits", value: {} }],
  ["has an unknown outcome", { case: undefined }],
])("an order whose payment %s waits where it is", async (_, charged) => {
  const context = contextOf(waiting(), { charged });
  expect(await pay(context, input)).toEqual(["waits"]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "stock.pinReservation", "payment.batchCharge"]);
});

test.each([
  ["RESERVATION_EXPIRED", { endsAs: "STATE_EXPIRED", outcomeReason: "PAYMENT_OVERDUE" }],
  [
    "RESERVATION_RELEASED",
    { endsAs: "STATE_CANCELLED", outcomeReason: "FAILED", outcomeDetail: "reservation: RESERVATION_RELEASED" },
  ],
  [
    "RESERVATION_NOT_FOUND",
    { endsAs: "STATE_CANCELLED", outcomeReason: "FAILED", outcomeDetail: "reservation: RESERVATION_NOT_FOUND" },
  ],
])("an order whose stock cannot be pinned (%s) is undone and not charged", async (reason, ends) => {
  const context = contextOf(waiting(), { pin: refusal(reason) });
  expect(await pay(context, input)).toEqual(["undo"]);
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "stock.pinReservation", "saga.batchMove"]);
  expect(movesIn(context.calls)).toEqual([{ orderId: "o", states: ["STATE_CANCELLING"], ...ends }]);
});

test.each<[string, Code]>([
  ["RESERVATION_COMMITTED", Code.FailedPrecondition],
  ["RESERVATION_REFUSED", Code.FailedPrecondition],
  ["DATABASE_UNAVAILABLE", Code.Unavailable],
])("any other failure to pin (%s) fails the step, and nothing is charged", async (reason, code) => {
  const context = contextOf(waiting(), { pin: refusal(reason, code) });
  await expect(pay(context, input)).rejects.toMatchObject({ code });
  expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin", "stock.pinReservation"]);
});

test.each<OrderState>(["PENDING", "RESERVED", "PAID", "SHIPPING", "CANCELLING"])(
  "an order that is %s is left alone, for the workflow to look at again",
  async (state) => {
    const context = contextOf(anOrder("o", state));
    expect(await pay(context, input)).toEqual(["next"]);
    expect(rpcsIn(context.calls)).toEqual(["saga.batchBegin"]);
  },
);

test("an order that another workflow owns is gone", async () => {
  expect(await pay(fakeContext({ saga: fakeSaga([]) }), input)).toEqual(["gone"]);
});
