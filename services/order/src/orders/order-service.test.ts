import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "../testing/order.ts";
import { reasonOf, testOrders } from "../testing/test-orders.ts";

let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService();
});
afterAll(() => service[Symbol.asyncDispose]());

const { newOrder, begin, move, bring, commandsOf } = testOrders(() => service);

describe("an order", () => {
  test("answers a waiting checkout as soon as it is far enough", async () => {
    const orderId = "awaited";
    const waiting = service.orders.checkout(
      { customerId: "ann", orderId, lines: [{ productId: "mug", quantity: 1 }] },
      { timeoutMs: 120_000 },
    );
    await expect.poll(() => begin(`w-${orderId}`, [orderId])).toEqual(["taken"]);
    await bring(orderId, "COMPLETED");
    expect((await waiting).order?.state).toBe(Order_State.COMPLETED);
  });

  test("can be watched from a sequence on, until it is final", async () => {
    const orderId = await newOrder();
    await bring(orderId, "RESERVED");
    const seen: bigint[] = [];
    const watching = (async () => {
      for await (const { changes } of service.orders.watchOrder({ id: orderId, afterSequence: 1n })) {
        seen.push(...changes.map(({ sequence }) => sequence));
      }
    })();
    await bring(orderId, "COMPLETED");
    await watching;
    expect(seen).toEqual([2n, 3n, 4n, 5n]);
  });
});

describe("a cancel", () => {
  test("turns the next move into CANCELLING, and the order ends CANCELLED with the reason", async () => {
    const orderId = await newOrder();
    await bring(orderId, "RESERVED");
    const cancelling = service.orders.cancelOrder({ id: orderId, reason: "changed my mind" }, { timeoutMs: 120_000 });
    const workflowId = `w-${orderId}`;
    await expect
      .poll(async () => (await service.orders.getOrder({ id: orderId })).order?.cancelRequestTime)
      .toBeDefined();
    expect(await move(workflowId, orderId, [Order_State.PAID, Order_State.SHIPPING])).toBe(Order_State.CANCELLING);
    await move(workflowId, orderId, [Order_State.CANCELLED]);
    expect((await cancelling).order).toMatchObject({
      state: Order_State.CANCELLED,
      outcomeReason: "CANCELLED_BY_CUSTOMER",
      outcomeDetail: "changed my mind",
    });
    expect((await service.orders.cancelOrder({ id: orderId })).order?.state).toBe(Order_State.CANCELLED);
  });

  test("wakes the order's own workflow, once however often it is requested", async () => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    await service.saga.batchHandOver({ workflowId: "w", orderIds: [orderId], why: "waits" });
    const now = { waitAtMost: { seconds: 0n } };
    await Promise.all([1, 2, 3].map(() => service.orders.cancelOrder({ id: orderId, ...now })));
    expect((await commandsOf(orderId)).filter(({ kind }) => kind === "CANCEL")).toHaveLength(1);
  });

  test("is refused once the carrier is being asked, and for an order that is completed", async () => {
    const shipping = await newOrder();
    await bring(shipping, "SHIPPING");
    const completed = await newOrder();
    await bring(completed, "COMPLETED");
    expect(await reasonOf(service.orders.cancelOrder({ id: shipping }))).toBe("NOT_CANCELLABLE");
    expect(await reasonOf(service.orders.cancelOrder({ id: completed }))).toBe("NOT_CANCELLABLE");
  });

  test("of unpaid orders only is refused for a paid one, and nothing is paid back", async () => {
    const orderId = await newOrder();
    await bring(orderId, "RESERVED");
    await move(`w-${orderId}`, orderId, [Order_State.PAID]);
    expect(await reasonOf(service.orders.cancelOrder({ id: orderId, onlyUnpaid: true }))).toBe("NOT_CANCELLABLE");
    expect(await move(`w-${orderId}`, orderId, [Order_State.SHIPPING])).toBe(Order_State.SHIPPING);
  });
});

describe("paying later", () => {
  test("numbers its attempts, and attaches to the one under way", async () => {
    const orderId = await newOrder({ payLater: true });
    await bring(orderId, "AWAITING_PAYMENT");
    const now = { waitAtMost: { seconds: 0n } };
    await Promise.all([1, 2, 3].map(() => service.orders.payOrder({ id: orderId, ...now })));
    const commands = await service.pool.query("select data from commands where subject = $1 and kind = 'PAY'", [
      orderId,
    ]);
    expect(commands.rows).toEqual([{ data: { attempt: 1 } }]);
    const decline = { workflowId: `w-${orderId}`, orderId, attempt: 1, declineReason: "no_funds" };
    await service.saga.recordDecline(decline);
    const { order } = await service.saga.recordDecline(decline);
    expect(order).toMatchObject({ state: Order_State.AWAITING_PAYMENT, payment: { declineReason: "no_funds" } });
    const again = await service.orders.payOrder({ id: orderId, ...now });
    expect(again.order?.payment).toMatchObject({ attempt: 2, declineReason: "" });
  });

  test("ends after twenty attempts", async () => {
    const orderId = await newOrder({ payLater: true });
    await bring(orderId, "AWAITING_PAYMENT");
    await service.pool.query("update orders set payment_attempt = 20 where id = $1", [orderId]);
    expect(await reasonOf(service.orders.payOrder({ id: orderId }))).toBe("TOO_MANY_ATTEMPTS");
  });

  test("is refused for an order that does not await payment", async () => {
    expect(await reasonOf(service.orders.payOrder({ id: await newOrder() }))).toBe("NOT_PAYABLE");
  });

  test("at the same time as a cancel never charges an order that is being cancelled", async () => {
    for (let round = 0; round < 10; round++) {
      const orderId = await newOrder({ payLater: true });
      await bring(orderId, "AWAITING_PAYMENT");
      const now = { id: orderId, waitAtMost: { seconds: 0n } };
      await Promise.allSettled([service.orders.payOrder(now), service.orders.cancelOrder(now)]);
      const workflowId = `w-${orderId}`;
      expect(await move(workflowId, orderId, [Order_State.PAID, Order_State.SHIPPING])).toBe(Order_State.CANCELLING);
    }
  });
});

describe("another customer's order", () => {
  test("is not found by any call", async () => {
    const id = await newOrder();
    const thief = { id, customerId: "thief" };
    expect(await reasonOf(service.orders.getOrder(thief))).toBe("ORDER_NOT_FOUND");
    expect(await reasonOf(service.orders.payOrder(thief))).toBe("ORDER_NOT_FOUND");
    expect(await reasonOf(service.orders.cancelOrder(thief))).toBe("ORDER_NOT_FOUND");
    expect(await reasonOf(service.orders.refundOrder({ orderId: id, customerId: "thief" }))).toBe("ORDER_NOT_FOUND");
    expect(await reasonOf(service.orders.listOrderRefunds({ orderId: id, customerId: "thief" }))).toBe(
      "ORDER_NOT_FOUND",
    );
    const watch = async () => {
      for await (const _ of service.orders.watchOrder(thief)) {
        return;
      }
    };
    expect(await reasonOf(watch())).toBe("ORDER_NOT_FOUND");
  });
});
