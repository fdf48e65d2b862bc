import type { Order } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import { anOrder, fakeContext, fakeSaga, payLater, workflowId } from "../testing/fake-services.ts";
import { look } from "./look.ts";

const nothing = { cancelRequested: false, paymentPending: false, expireTimeMs: 0 };

test.each<[string, Order[], object]>([
  ["an order", [anOrder("o", "SHIPPING")], { ...nothing, state: "SHIPPING" }],
  ["an order that another workflow owns", [], { ...nothing, state: "GONE" }],
  [
    "an order that awaits its first attempt",
    [payLater("o", "AWAITING_PAYMENT", { expireMs: 5_000 })],
    { ...nothing, state: "AWAITING_PAYMENT", expireTimeMs: 5_000 },
  ],
  [
    "an order with a pending attempt",
    [payLater("o", "AWAITING_PAYMENT", { attempt: 1, expireMs: 5_000 })],
    { ...nothing, state: "AWAITING_PAYMENT", paymentPending: true, expireTimeMs: 5_000 },
  ],
  [
    "an order whose attempt was declined",
    [payLater("o", "AWAITING_PAYMENT", { attempt: 1, declineReason: "lost_card", expireMs: 5_000 })],
    { ...nothing, state: "AWAITING_PAYMENT", expireTimeMs: 5_000 },
  ],
  [
    "an order that is to be cancelled",
    [payLater("o", "AWAITING_PAYMENT", { cancelled: true, expireMs: 5_000 })],
    { ...nothing, state: "AWAITING_PAYMENT", cancelRequested: true, expireTimeMs: 5_000 },
  ],
])("%s", async (_, orders, view) => {
  expect(await look(fakeContext({ saga: fakeSaga(orders) }), { workflowId, orderId: "o" })).toEqual(view);
});

test("an order is looked up anew each time", async () => {
  const context = fakeContext({ saga: fakeSaga([anOrder("o", "SHIPPING")]) });
  await look(context, { workflowId, orderId: "o" });
  await look(context, { workflowId, orderId: "o" });
  expect(context.calls).toHaveLength(2);
});
