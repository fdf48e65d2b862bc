import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
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

test("a watch that has sent a change sends the order that has it, too", async () => {
  const orderId = await newOrder();
  const states: (Order_State | undefined)[] = [];
  const watching = (async () => {
    // As if these changes had been read just after the order, and were sent with it.
    for await (const { order, changes } of service.orders.watchOrder({ id: orderId, afterSequence: 100n })) {
      states.push(order?.state);
      expect(changes).toEqual([]);
    }
  })();
  await expect.poll(() => states).toEqual([Order_State.PENDING]);
  await bring(orderId, "RESERVED");
  await expect.poll(() => states.at(-1)).toBe(Order_State.RESERVED);
  await bring(orderId, "COMPLETED");
  await watching;
  expect(states.at(-1)).toBe(Order_State.COMPLETED);
});

test.each([
  ["a recorded trace", "01", "0af7651916cd43dd8448eb211c80319c"],
  ["a trace that is not recorded", "00", ""],
])("a change names the call's trace: %s", async (_, flags, traceId) => {
  const traceparent = `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;
  const placed = { customerId: "ann", lines: [{ productId: "mug", quantity: 1 }], waitFor: WaitFor.ACCEPTED };
  const { order } = await service.orders.checkout(placed, { headers: { traceparent } });
  await bring(order!.id, "RESERVED");

  const { changes } = await service.orders.getOrder({ id: order!.id });

  expect(changes.map((change) => change.traceId)).toEqual([traceId, ""]);
});

test("hundreds of watches that begin at once leave the pool's connections to others", async () => {
  const orderId = await newOrder();
  const leaving = new AbortController();
  let mostWaiting = 0;
  const sampling = setInterval(() => {
    mostWaiting = Math.max(mostWaiting, service.pool.waitingCount);
  });
  const first = Array.from({ length: 300 }, async () => {
    for await (const { order, changes } of service.orders.watchOrder({ id: orderId }, { signal: leaving.signal })) {
      return { id: order?.id, sequences: changes.map(({ sequence }) => sequence) };
    }
    return undefined;
  });
  const answers = await Promise.all(first);
  clearInterval(sampling);
  leaving.abort();

  expect(answers).toEqual(Array(300).fill({ id: orderId, sequences: [1n] }));
  expect(mostWaiting).toBeLessThan(20);
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

  test("tells each caller of its own attempt, whatever other callers do meanwhile", async () => {
    const orderId = await newOrder({ payLater: true });
    await bring(orderId, "AWAITING_PAYMENT");
    const workflowId = `w-${orderId}`;
    const pay = (requestId: string) =>
      service.orders.payOrder({ id: orderId, requestId, waitAtMost: { seconds: 20n } }, { timeoutMs: 60_000 });
    const attempts: [attempt: number, reason: string][] = [
      [1, "no_funds"],
      [2, "stolen_card"],
    ];
    const first = pay("key-1");
    for (const [attempt, declineReason] of attempts) {
      const attached = pay(`key-${attempt}`);
      await expect
        .poll(async () => (await service.orders.getOrder({ id: orderId })).order?.payment)
        .toMatchObject({ attempt, declineReason: "" });
      await service.saga.recordDecline({ workflowId, orderId, attempt, declineReason });
      expect(await attached).toMatchObject({ attempt, declineReason, order: { payment: { attempt, declineReason } } });
    }
    expect(await first).toMatchObject({ attempt: 1, declineReason: "no_funds" });

    // A repeat is told the same while a third attempt is under way, and after it has paid the order.
    await service.orders.payOrder({ id: orderId, waitAtMost: { seconds: 0n } });
    const repeat = await pay("key-1");
    expect(repeat).toMatchObject({ attempt: 1, declineReason: "no_funds" });
    expect(repeat.order?.payment).toMatchObject({ attempt: 1, declineReason: "no_funds" });
    await move(workflowId, orderId, [Order_State.PAID, Order_State.SHIPPING, Order_State.COMPLETED]);
    const later = await pay("key-1");
    expect(later).toMatchObject({ attempt: 1, declineReason: "no_funds", order: { state: Order_State.COMPLETED } });
    expect(await pay("key-9")).toMatchObject({ attempt: 3, declineReason: "" });
  });

  test("never answers that an attempt ended without saying how, to fifty callers at once", async () => {
    const orderId = await newOrder({ payLater: true });
    await bring(orderId, "AWAITING_PAYMENT");
    const workflowId = `w-${orderId}`;
    let paying = true;
    // Declines each attempt as soon as it is there, as the worker does.
    const declining = (async () => {
      while (paying) {
        const { order } = await service.orders.getOrder({ id: orderId });
        const attempt = order?.payment?.attempt ?? 0;
        await service.saga.recordDecline({ workflowId, orderId, attempt, declineReason: `reason-${attempt}` });
      }
    })();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        service.orders
          .payOrder({ id: orderId, requestId: `many-${index}`, waitAtMost: { seconds: 30n } }, { timeoutMs: 60_000 })
          .then(
            ({ attempt, declineReason, order }) => [`reason-${attempt}`, declineReason, order?.payment?.declineReason],
            (error: unknown) => reasonOf(Promise.reject(error)),
          ),
      ),
    );
    paying = false;
    await declining;
    for (const outcome of outcomes) {
      if (outcome !== "TOO_MANY_ATTEMPTS") {
        expect(outcome).toEqual([outcome[0], outcome[0], outcome[0]]);
      }
    }
    expect(outcomes.filter((outcome) => outcome !== "TOO_MANY_ATTEMPTS").length).toBeGreaterThan(0);
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
