import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Order, Order_State, OrderRefund_Source, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { Refund_State } from "@sagacart/proto/payment/v1/payment";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCustomer, makeProduct, usd } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// Refunds of an order and of its payment are one thing, whichever way they are asked for, also outside the shop.

let test_: TestShop;
let productId: string;
beforeAll(async () => {
  test_ = await startShop();
  productId = await makeProduct(test_.shop, 1_000);
});
afterAll(() => test_?.[Symbol.asyncDispose]());

/** Completes an order of 1.00 USD. Returns it and its payment's id. */
async function buy(request: object = { paymentMethod: "pm_ok" }): Promise<{ orderId: string; paymentId: string }> {
  const { shop } = test_;
  const { order } = await shop.orders.checkout({
    ...{ customerId: "ada", contactEmail: "ada@example.com", lines: [{ productId, quantity: 1 }] },
    ...{ orderId: uuidv7(), ...request },
  });
  expect(order?.state).toBe(Order_State.COMPLETED);
  const { payments } = await shop.payments.listPayments({ orderId: order!.id });
  return { orderId: order!.id, paymentId: payments[0]!.id };
}

/** Waits until the order and its payment have the same refunds. Returns the order. */
async function untilEqual(orderId: string): Promise<Order> {
  const { shop } = test_;
  return await until(30_000, "order and payment to agree", async () => {
    const { order } = await shop.orders.getOrder({ id: orderId });
    const { refunds } = await shop.payments.listRefunds({ orderId });
    const { refunds: ofOrder } = await shop.orders.listOrderRefunds({ orderId });
    const sum = refunds
      .filter(({ state }) => state === Refund_State.SUCCEEDED)
      .reduce((sum, { amount }) => sum + (amount?.minorUnits ?? 0n), 0n);
    const settled = [...refunds, ...ofOrder].every(({ state }) => state !== Refund_State.PENDING);
    return settled && order?.refunded?.minorUnits === sum ? order : undefined;
  });
}

const sources = async (orderId: string) => {
  const { refunds } = await test_.shop.orders.listOrderRefunds({ orderId });
  return refunds.map(({ source, amount }) => [source, amount?.minorUnits]);
};

test("an order hears of a refund of its payment, its customer gets a mail, and a full refund then pays what is left", async () => {
  const { shop } = test_;
  const to = `${uuidv7()}@example.com`;
  const { orderId, paymentId } = await buy({ paymentMethod: "pm_ok", contactEmail: to });

  await shop.payments.refundPayment({ paymentId, amount: usd(30n), requestId: uuidv7() });
  const { refund } = await shop.orders.refundOrder({ orderId });
  expect(refund).toMatchObject({ state: OrderRefund_State.SUCCEEDED, amount: usd(70n) });

  expect((await untilEqual(orderId)).refunded).toMatchObject(usd(100n));
  expect((await sources(orderId)).toSorted()).toEqual([
    [OrderRefund_Source.ORDER, 70n],
    [OrderRefund_Source.PAYMENT, 30n],
  ]);
  await until(30_000, "a mail for each refund", async () => {
    const { messages } = await shop.mailbox.listMailboxMessages({ to });
    return messages.filter(({ subject }) => subject.includes("refund")).length === 2 ? true : undefined;
  });
});

test.each([
  ["a card", async () => ({ paymentMethod: "pm_ok" })],
  ["a balance", async () => ({ customerId: await makeCustomer(test_.shop, 1_000n) })],
])(
  "refunds of a payment from %s, asked for over both routes at once, leave order and payment equal",
  async (_, request) => {
    const { shop } = test_;
    for (const amount of [usd(40n), undefined]) {
      const { orderId, paymentId } = await buy(await request());
      const ask = amount === undefined ? {} : { amount };
      await Promise.allSettled([
        shop.payments.refundPayment({ paymentId, ...ask, refundId: uuidv7() }),
        shop.orders.refundOrder({ orderId, ...ask, refundId: "a" }),
        shop.payments.refundPayment({ paymentId, ...ask, refundId: uuidv7() }),
        shop.orders.refundOrder({ orderId, ...ask, refundId: "b" }),
      ]);
      const order = await untilEqual(orderId);
      expect(order.refunded?.minorUnits).toBe(amount === undefined ? 100n : 80n);
    }
  },
);

test("the order service hears of what happened while it was away", async () => {
  const { shop, stack, dashboard } = test_;
  const { orderId, paymentId } = await buy();
  await stack.kill("order", "SIGKILL");
  await shop.payments.refundPayment({ paymentId, amount: usd(25n), refundId: uuidv7() });
  await dashboard.refund({ key: paymentId, charge: paymentId, amountMinor: 15n });
  await stack.start("order");

  await until(60_000, "both refunds", async () => {
    const { order } = await shop.orders.getOrder({ id: orderId });
    return order?.refunded?.minorUnits === 40n ? true : undefined;
  });
  expect((await sources(orderId)).toSorted()).toEqual([
    [OrderRefund_Source.PAYMENT, 25n],
    [OrderRefund_Source.PROVIDER, 15n],
  ]);
});

test("nothing of this is a breach of a law", async () => {
  expect(await test_.breaches()).toEqual([]);
});
