import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "../testing/order.ts";

const payWithinMs = 3_600_000;
let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService({ unpaid: { payWithinMs, orders: 3, units: 10 } });
});
afterAll(() => service[Symbol.asyncDispose]());

let customers = 0;
const newCustomer = () => `unpaid-${++customers}`;

function order(customerId: string, quantity = 1, more: object = {}) {
  const lines = [{ productId: "mug", quantity }];
  return service.orders.checkout({ customerId, lines, payLater: true, waitFor: WaitFor.ACCEPTED, ...more });
}

async function failureOf(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(
    await call.then(
      () => undefined,
      (error) => error,
    ),
  );
  return { code, reason, metadata };
}

const refused = (customer_id: string, limit: string, max: string) => ({
  code: Code.FailedPrecondition,
  reason: "UNPAID_LIMIT",
  metadata: { customer_id, limit, max },
});

describe("the time to pay", () => {
  test.each([1n, 3_600n])("may be %d s", async (seconds) => {
    const { order: made } = await order(newCustomer(), 1, { payWithin: { seconds, nanos: 0 } });
    expect(made?.expireTime).toBeDefined();
  });

  test.each([3_601n, 2_592_000n])("may not be %d s where the shop allows an hour", async (seconds) => {
    expect(await failureOf(order(newCustomer(), 1, { payWithin: { seconds, nanos: 0 } }))).toEqual({
      code: Code.InvalidArgument,
      reason: "PAY_WITHIN_TOO_LONG",
      metadata: { field: "pay_within", max_seconds: "3600" },
    });
  });

  test("does not matter for an order that is paid at once", async () => {
    const payWithin = { seconds: 2_592_000n, nanos: 0 };
    const { order: made } = await order(newCustomer(), 1, { payLater: false, payWithin });
    expect(made?.expireTime).toBeUndefined();
  });
});

describe("what one customer holds and has not paid", () => {
  test("is limited by the number of orders", async () => {
    const customerId = newCustomer();
    for (let n = 0; n < 3; n++) {
      await order(customerId);
    }
    expect(await failureOf(order(customerId))).toEqual(refused(customerId, "unpaid_orders", "3"));
    // Others, and orders that are paid at once, are not concerned.
    await order(newCustomer());
    await order(customerId, 1, { payLater: false });
  });

  test("is limited by the number of units", async () => {
    const customerId = newCustomer();
    await order(customerId, 6);
    expect(await failureOf(order(customerId, 5))).toEqual(refused(customerId, "unpaid_units", "10"));
    await order(customerId, 4);
  });

  test("is limited for orders that come at the same time, by lines and from carts", async () => {
    const customerId = newCustomer();
    const carts = await Promise.all(
      Array.from({ length: 6 }, () =>
        service.carts.createCart({ customerId, lines: [{ productId: "mug", quantity: 1 }] }),
      ),
    );
    const calls = carts.flatMap(({ cart }) => [
      order(customerId, 1),
      // Twice: the second attaches to the order of the first, if there is one.
      order(customerId, 1, { lines: [], cartId: cart?.id }),
      order(customerId, 1, { lines: [], cartId: cart?.id }),
    ]);
    const ends = await Promise.allSettled(calls);
    const ids = new Set(ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.order?.id] : [])));
    const reasons = new Set(ends.flatMap((end) => (end.status === "rejected" ? [errorInfo(end.reason).reason] : [])));
    expect(ids.size).toBe(3);
    expect([...reasons]).toEqual(["UNPAID_LIMIT"]);
    const { rows } = await service.pool.query("select count(*)::int from orders where customer_id = $1", [customerId]);
    expect(rows).toEqual([{ count: 3 }]);
  });

  test.each(["CANCELLED", "EXPIRED", "PAID", "COMPLETED", "REJECTED"])("counts no order that is %s", async (state) => {
    const customerId = newCustomer();
    const { order: first } = await order(customerId, 10);
    await service.pool.query("update orders set state = $2 where id = $1", [first?.id, state]);
    await order(customerId, 10);
    expect(await failureOf(order(customerId))).toEqual(refused(customerId, "unpaid_units", "10"));
  });

  test("does not refuse the repeat of an order that is there", async () => {
    const customerId = newCustomer();
    const orderId = `order-of-${customerId}`;
    await order(customerId, 10, { orderId });
    const again = await order(customerId, 10, { orderId });
    expect([again.attached, again.order?.id]).toEqual([true, orderId]);
  });
});
