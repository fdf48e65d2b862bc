import { timestampDate } from "@bufbuild/protobuf/wkt";
import { errorInfo } from "@sagacart/chassis/errors";
import { isStarted } from "@sagacart/outbox/commands/command-store";
import { Order_State, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "./testing.ts";

let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService();
});
afterAll(() => service[Symbol.asyncDispose]());

let count = 0;
async function newOrder(more: object = {}): Promise<string> {
  const request = {
    customerId: "ann",
    lines: [{ productId: "mug", quantity: 1 }],
    orderId: `order-${++count}`,
    waitFor: WaitFor.ACCEPTED,
    ...more,
  };
  const { order } = await service.orders.checkout(request);
  return order!.id;
}

const begin = async (workflowId: string, orderIds: string[]) =>
  (await service.saga.batchBegin({ workflowId, orderIds })).outcomes.map(({ outcome }) => outcome.case);

type Extra = {
  endsAs?: Order_State;
  outcomeReason?: string;
  shortages?: { productId: string; requested: number; available: number }[];
};
async function move(workflowId: string, orderId: string, states: Order_State[], extra: Extra = {}) {
  const { outcomes } = await service.saga.batchMove({ workflowId, items: [{ orderId, states, ...extra }] });
  return outcomes[0]?.state;
}

async function bring(orderId: string, state: "RESERVED" | "AWAITING_PAYMENT" | "SHIPPING" | "COMPLETED") {
  await begin(`w-${orderId}`, [orderId]);
  await move(`w-${orderId}`, orderId, [Order_State.RESERVED]);
  if (state === "AWAITING_PAYMENT") {
    await move(`w-${orderId}`, orderId, [Order_State.AWAITING_PAYMENT]);
  } else if (state !== "RESERVED") {
    await move(`w-${orderId}`, orderId, [Order_State.PAID, Order_State.SHIPPING]);
  }
  if (state === "COMPLETED") {
    await move(`w-${orderId}`, orderId, [Order_State.COMPLETED]);
  }
}

const changesOf = async (id: string) => (await service.orders.getOrder({ id })).changes.map(({ state }) => state);
const commandsOf = async (id: string) =>
  (
    await service.pool.query(
      `select kind, case when ${isStarted} then 'STARTED' else state end as state from commands c where subject = $1`,
      [id],
    )
  ).rows;
const reasonOf = async (call: Promise<unknown>) =>
  errorInfo(
    await call.then(
      () => undefined,
      (error) => error,
    ),
  ).reason;

describe("the carrier of an order", () => {
  test("is one: of many workflows that try at once, one gets it", async () => {
    const orderId = await newOrder();
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => begin(`racer-${n}`, [orderId])));
    expect(outcomes.flat().filter((outcome) => outcome === "taken")).toHaveLength(1);
  });

  test("gets the order again when it asks again, and no order that is final or not there", async () => {
    const orderId = await newOrder();
    expect(await begin("w", [orderId, "nothing"])).toEqual(["taken", "dropped"]);
    expect(await begin("w", [orderId])).toEqual(["taken"]);
    await move("w", orderId, [Order_State.REJECTED]);
    expect(await begin("w", [orderId])).toEqual(["dropped"]);
  });

  test("alone moves it", async () => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    expect(await move("other", orderId, [Order_State.RESERVED])).toBe(Order_State.UNSPECIFIED);
    expect(await move("w", orderId, [Order_State.RESERVED])).toBe(Order_State.RESERVED);
  });

  test("may be there from the start: then nobody can claim the order, and who has it is told of no other", async () => {
    const orderId = `order-${++count}`;
    const checkout = { orderId, customerId: "ann", lines: [{ productId: "mug", quantity: 1 }] };
    const place = async () => (await service.saga.placeOrder({ workflowId: "gate", checkout })).order;
    expect(await place()).toMatchObject({ id: orderId, state: Order_State.PENDING, workflowId: "gate" });
    expect(await place()).toMatchObject({ id: orderId, workflowId: "gate" });
    expect(await commandsOf(orderId)).toEqual([{ kind: "CHECKOUT", state: "STARTED" }]);
    expect(await begin("another", [orderId])).toEqual(["dropped"]);
    expect(await begin("gate", [orderId])).toEqual(["taken"]);
  });

  test("hands it over to a workflow of its own, with the command that starts that one", async () => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    const { orderIds } = await service.saga.batchHandOver({ workflowId: "w", orderIds: [orderId], why: "waits" });
    expect(orderIds).toEqual([orderId]);
    expect(await move("w", orderId, [Order_State.RESERVED])).toBe(Order_State.UNSPECIFIED);
    expect(await begin(`order-${orderId}`, [orderId])).toEqual(["taken"]);
    expect(await commandsOf(orderId)).toEqual([{ kind: "RESUME", state: "OPEN" }]);
    const again = await service.saga.batchHandOver({ workflowId: "w", orderIds: [orderId], why: "waits" });
    expect(again.orderIds).toEqual([]);
  });
});

describe("an order", () => {
  test("keeps every change, each said once however often it is asked for", async () => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    for (const states of [[Order_State.RESERVED], [Order_State.PAID, Order_State.SHIPPING], [Order_State.COMPLETED]]) {
      await move("w", orderId, states);
      await move("w", orderId, states);
    }
    expect(await changesOf(orderId)).toEqual([
      Order_State.PENDING,
      Order_State.RESERVED,
      Order_State.PAID,
      Order_State.SHIPPING,
      Order_State.COMPLETED,
    ]);
  });

  test("that is final lets go of its command, and closes its cart or opens it again", async () => {
    const cart = async (endsAs: Order_State) => {
      const { cart } = await service.carts.createCart({
        customerId: `cust-${++count}`,
        lines: [{ productId: "mug", quantity: 1 }],
      });
      const orderId = await newOrder({ customerId: cart!.customerId, cartId: cart!.id, lines: [] });
      await begin("w", [orderId]);
      if (endsAs === Order_State.COMPLETED) {
        await move("w", orderId, [Order_State.RESERVED]);
        await move("w", orderId, [Order_State.PAID, Order_State.SHIPPING]);
      }
      await move("w", orderId, [endsAs], { outcomeReason: "OUT_OF_STOCK" });
      expect(await commandsOf(orderId)).toEqual([]);
      return (await service.carts.getCart({ id: cart!.id })).cart!;
    };
    expect(await cart(Order_State.COMPLETED)).toMatchObject({ state: 3, isDefault: false, lastFailureReason: "" });
    expect(await cart(Order_State.REJECTED)).toMatchObject({ state: 1, lastFailureReason: "OUT_OF_STOCK" });
  });

  test("wakes who waits for it as soon as it is far enough", async () => {
    const orderId = "awaited";
    const waiting = service.orders.checkout(
      { customerId: "ann", orderId, lines: [{ productId: "mug", quantity: 1 }] },
      { timeoutMs: 20_000 },
    );
    await expect.poll(() => begin(`w-${orderId}`, [orderId])).toEqual(["taken"]);
    await bring(orderId, "COMPLETED");
    expect((await waiting).order?.state).toBe(Order_State.COMPLETED);
  });

  test("is watched from where the watcher was, to its end", async () => {
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
    const cancelling = service.orders.cancelOrder({ id: orderId, reason: "changed my mind" }, { timeoutMs: 20_000 });
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

  test("tells the order's own workflow, once however often it is asked for", async () => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    await service.saga.batchHandOver({ workflowId: "w", orderIds: [orderId], why: "waits" });
    const now = { waitAtMost: { seconds: 0n } };
    await Promise.all([1, 2, 3].map(() => service.orders.cancelOrder({ id: orderId, ...now })));
    expect((await commandsOf(orderId)).filter(({ kind }) => kind === "CANCEL")).toHaveLength(1);
  });

  test("comes too late once the carrier is being asked, and where the order ended otherwise", async () => {
    const shipping = await newOrder();
    await bring(shipping, "SHIPPING");
    const completed = await newOrder();
    await bring(completed, "COMPLETED");
    expect(await reasonOf(service.orders.cancelOrder({ id: shipping }))).toBe("NOT_CANCELLABLE");
    expect(await reasonOf(service.orders.cancelOrder({ id: completed }))).toBe("NOT_CANCELLABLE");
  });

  test("of what is not paid only is refused once it is paid, and nothing is paid back", async () => {
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

  test("is refused for an order that does not await it", async () => {
    expect(await reasonOf(service.orders.payOrder({ id: await newOrder() }))).toBe("NOT_PAYABLE");
  });

  test("∥ cancel: whichever comes first, the order is not charged and cancelled at once", async () => {
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

  test.each([
    ["an order that is not completed", async () => ({ orderId: await newOrder() }), "NOT_REFUNDABLE"],
    ["an order that is not there", async () => ({ orderId: "nothing" }), "ORDER_NOT_FOUND"],
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

describe("another customer's order", () => {
  test("is not there, whatever is asked of it", async () => {
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

describe("commands", () => {
  const lease = { seconds: 1n };
  const claim = (more: object = {}) =>
    service.commands.claimCommands({ claimer: "test", kinds: ["CHECKOUT"], maxCommands: 1000, lease, ...more });

  test("are in one batch each, however many claim side by side", async () => {
    await Promise.all(Array.from({ length: 30 }, () => newOrder()));
    const batches = await Promise.all(Array.from({ length: 5 }, () => claim({ maxCommands: 7 })));
    const ids = batches.flatMap(({ commands }) => commands.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    await Promise.all(
      batches.filter((b) => b.batchId !== "").map(({ batchId }) => service.commands.confirmCommands({ batchId })),
    );
  });

  test("of a claim that was not confirmed are handed out again, as the same batch", async () => {
    await drain();
    const orderId = await newOrder();
    const first = await claim();
    expect(first.commands.map((command) => command.orderId)).toEqual([orderId]);
    const second = await claim({ wait: { seconds: 10n } });
    expect(second.batchId).toBe(first.batchId);
    expect(second.commands.map(({ id, deliveries }) => [id, deliveries])).toEqual([[first.commands[0]?.id, 1]]);
    await service.commands.confirmCommands({ batchId: first.batchId });
    await service.commands.confirmCommands({ batchId: first.batchId });
    expect(await commandsOf(orderId)).toEqual([{ kind: "CHECKOUT", state: "STARTED" }]);
  });

  test("wake who waits for one", async () => {
    await drain();
    const waiting = claim({ wait: { seconds: 20n } });
    const orderId = await newOrder();
    expect((await waiting).commands.map((command) => command.orderId)).toEqual([orderId]);
  });

  test("whose order stands still while nobody carries it are open again, and only those", async () => {
    await drain();
    const [gone, alive] = [await newOrder(), await newOrder()];
    const { batchId } = await claim();
    await begin(`checkout-${batchId}`, [gone, alive]);
    await service.commands.confirmCommands({ batchId });
    const { commands } = await service.commands.listStalledCommands({ stalledFor: { seconds: 0n } });
    const standing = commands.filter(({ command }) => [gone, alive].includes(command?.orderId ?? ""));
    expect(standing.map(({ ownerWorkflowId }) => ownerWorkflowId)).toEqual(Array(2).fill(`checkout-${batchId}`));
    const items = standing.map(({ command }) => ({
      commandId: command!.id,
      ownerWorkflowId: command!.orderId === gone ? `checkout-${batchId}` : "another",
    }));
    await service.commands.restartCommands({ items });
    expect(await commandsOf(gone)).toEqual([{ kind: "CHECKOUT", state: "OPEN" }]);
    expect(await commandsOf(alive)).toEqual([{ kind: "CHECKOUT", state: "STARTED" }]);
    expect(await begin("next", [gone, alive])).toEqual(["taken", "dropped"]);
  });

  test("of a batch there never was cannot be confirmed", async () => {
    const batchId = "00000000-0000-7000-8000-000000000000";
    expect(await reasonOf(service.commands.confirmCommands({ batchId }))).toBe("BATCH_NOT_FOUND");
    expect(await reasonOf(service.commands.confirmCommands({ batchId: "nonsense" }))).toBe("BATCH_NOT_FOUND");
  });

  async function drain(): Promise<void> {
    for (;;) {
      const { batchId } = await claim();
      if (batchId === "") {
        return;
      }
      await service.commands.confirmCommands({ batchId });
    }
  }
});

describe("the event feed", () => {
  test("has every event once, each order's in its order, and resumes anywhere", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => newOrder()));
    await Promise.all(ids.map((id) => bring(id, "COMPLETED")));
    const read = async (pageSize: number) => {
      const events: { subject: string; sequence: bigint; position: bigint }[] = [];
      for (let afterPosition = 0n; ; ) {
        const page = await service.events.readEvents({ afterPosition, pageSize });
        if (page.nextPosition === afterPosition) {
          return events.filter(({ subject }) => ids.includes(subject));
        }
        events.push(...page.events);
        afterPosition = page.nextPosition;
      }
    };
    await expect.poll(async () => (await read(1000)).length).toBe(50);
    const events = await read(7);
    expect(events).toHaveLength(50);
    for (const id of ids) {
      const sequences = events.filter(({ subject }) => subject === id).map(({ sequence }) => sequence);
      expect(sequences).toEqual([1n, 2n, 3n, 4n, 5n]);
    }
    const positions = events.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  test("brings new events to who subscribed, of the types asked for", async () => {
    const abort = new AbortController();
    const stream = service.events.subscribeEvents({ types: ["sagacart.order.rejected.v1"] }, { signal: abort.signal });
    const orderId = await newOrder();
    await begin("w", [orderId]);
    await move("w", orderId, [Order_State.REJECTED], { outcomeReason: "OUT_OF_STOCK" });
    for await (const { events } of stream) {
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["sagacart.order.rejected.v1"]));
      const mine = events.find(({ subject }) => subject === orderId);
      if (mine !== undefined) {
        expect(JSON.parse(mine.data)).toMatchObject({ orderId, state: "REJECTED", reason: "OUT_OF_STOCK" });
        break;
      }
    }
    abort.abort();
  });

  test("say what was short, and until when an order can be paid", async () => {
    const [short, later] = [await newOrder(), await newOrder({ payLater: true })];
    await begin("w", [short]);
    const shortages = [{ productId: "p1", requested: 3, available: 1 }];
    await move("w", short, [Order_State.REJECTED], { outcomeReason: "OUT_OF_STOCK", shortages });
    await bring(later, "AWAITING_PAYMENT");
    const { order } = await service.orders.getOrder({ id: later });
    const dataOf = async (orderId: string) => {
      const { rows } = await service.pool.query(
        "select data from events where subject = $1 order by sequence desc limit 1",
        [orderId],
      );
      return rows[0].data;
    };
    expect((await dataOf(short)).shortages).toEqual(shortages);
    const expireTime = order?.expireTime && timestampDate(order.expireTime).toISOString();
    expect((await dataOf(later)).expireTime).toBe(expireTime);
  });
});
