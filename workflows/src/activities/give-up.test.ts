import type { Order } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import type { OrderState } from "../sagas/plan.ts";
import { anOrder, fakeContext, fakeSaga, movesIn, payLater, workflowId } from "../testing/fake-services.ts";
import { giveUp } from "./give-up.ts";

const input = { workflowId, orderId: "o" };
const expired = { states: ["STATE_CANCELLING"], endsAs: "STATE_EXPIRED", outcomeReason: "PAYMENT_OVERDUE" };
const cancelled = { states: ["STATE_CANCELLING"], endsAs: "STATE_CANCELLED", outcomeReason: "CANCELLED_BY_CUSTOMER" };

test.each<[string, Order, object]>([
  ["was not paid in time", payLater("o", "AWAITING_PAYMENT", { expireMs: 1_000 }), expired],
  ["was cancelled", payLater("o", "AWAITING_PAYMENT", { cancelled: true }), cancelled],
  [
    "was cancelled and not paid in time",
    payLater("o", "AWAITING_PAYMENT", { cancelled: true, expireMs: 1_000 }),
    cancelled,
  ],
])("an order that %s begins to be undone", async (_, order, move) => {
  const context = fakeContext({ saga: fakeSaga([order]) });
  expect(await giveUp(context, input)).toEqual(["undo"]);
  expect(movesIn(context.calls)).toEqual([{ orderId: "o", ...move }]);
});

test.each<OrderState>(["PENDING", "RESERVED", "PAID", "SHIPPING", "CANCELLING"])(
  "an order that is %s is left alone, for the workflow to look at again",
  async (state) => {
    const context = fakeContext({ saga: fakeSaga([anOrder("o", state)]) });
    expect(await giveUp(context, input)).toEqual(["next"]);
    expect(movesIn(context.calls)).toEqual([]);
  },
);

test.each([
  ["another workflow owns", fakeSaga([])],
  ["ended meanwhile", fakeSaga([payLater("o", "AWAITING_PAYMENT")], { o: "EXPIRED" })],
])("an order that %s is gone", async (_, saga) => {
  expect(await giveUp(fakeContext({ saga }), input)).toEqual(["gone"]);
});
