import { OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "../testing/order.ts";
import { reasonOf, testOrders } from "../testing/test-orders.ts";

let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService();
});
afterAll(() => service[Symbol.asyncDispose]());

const { newOrder, bring } = testOrders(() => service);

describe("a refund", () => {
  const money = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
  const now = { waitAtMost: { seconds: 0n } };

  test("is paid back in parts up to the total, and each part counts once", async () => {
    const orderId = await newOrder();
    await bring(orderId, "COMPLETED");
    const ask = { orderId, refundId: "r1", amount: money(60n), ...now };
    await Promise.all([1, 2, 3].map(() => service.orders.refundOrder(ask)));
    expect(await reasonOf(service.orders.refundOrder({ orderId, amount: money(41n), ...now }))).toBe("REFUND_TOO_HIGH");
    const settle = { orderId, refundId: "r1", state: OrderRefund_State.SUCCEEDED };
    await service.saga.recordRefund(settle);
    await service.saga.recordRefund(settle);
    const { order } = await service.orders.getOrder({ id: orderId });
    expect(order?.refunded).toMatchObject(money(60n));
    const { refund } = await service.orders.refundOrder({ orderId, ...now });
    expect(refund?.amount).toMatchObject(money(40n));
  });

  test("answers a waiting call as soon as it is settled", async () => {
    const orderId = await newOrder();
    await bring(orderId, "COMPLETED");
    const waiting = service.orders.refundOrder({ orderId, refundId: "r", waitAtMost: { seconds: 20n } });
    await expect.poll(() => reasonOf(service.orders.getOrderRefund({ orderId, refundId: "r" }))).toBe("");
    await service.saga.recordRefund({ orderId, refundId: "r", state: OrderRefund_State.SUCCEEDED });
    expect((await waiting).refund?.state).toBe(OrderRefund_State.SUCCEEDED);
  });

  test("answers PENDING when the time to wait is over", async () => {
    const orderId = await newOrder();
    await bring(orderId, "COMPLETED");
    const { refund } = await service.orders.refundOrder({ orderId, waitAtMost: { nanos: 50_000_000 } });
    expect(refund?.state).toBe(OrderRefund_State.PENDING);
  });

  test.each([
    ["an order that is not completed", async () => ({ orderId: await newOrder() }), "NOT_REFUNDABLE"],
    ["an unknown order", async () => ({ orderId: "nothing" }), "ORDER_NOT_FOUND"],
  ])("is refused for %s", async (_, request, reason) => {
    expect(await reasonOf(service.orders.refundOrder({ ...(await request()), ...now }))).toBe(reason);
  });

  test("is refused in another currency, and with other content under the same id", async () => {
    const orderId = await newOrder();
    await bring(orderId, "COMPLETED");
    const euros = { currencyCode: "EUR", minorUnits: 1n };
    expect(await reasonOf(service.orders.refundOrder({ orderId, amount: euros, ...now }))).toBe("CURRENCY_MISMATCH");
    await service.orders.refundOrder({ orderId, refundId: "r", amount: money(1n), ...now });
    const other = { orderId, refundId: "r", amount: money(2n), ...now };
    expect(await reasonOf(service.orders.refundOrder(other))).toBe("REQUEST_ID_REUSED");
    expect(await reasonOf(service.orders.getOrderRefund({ orderId, refundId: "none" }))).toBe("REFUND_NOT_FOUND");
  });
});
