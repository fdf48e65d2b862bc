import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
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
const changesOf = async (id: string) => (await service.orders.getOrder({ id })).changes.map(({ state }) => state);

describe("the owner of an order", () => {
  test("is one of many workflows that claim it at once", async () => {
    const orderId = await newOrder();
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => begin(`racer-${n}`, [orderId])));
    expect(outcomes.flat().filter((outcome) => outcome === "taken")).toHaveLength(1);
  });

  test("gets its order again when it asks again, but no final or unknown order", async () => {
    const orderId = await newOrder();
    expect(await begin("w", [orderId, "nothing"])).toEqual(["taken", "dropped"]);
    expect(await begin("w", [orderId])).toEqual(["taken"]);
    await move("w", orderId, [Order_State.REJECTED]);
    expect(await begin("w", [orderId])).toEqual(["dropped"]);
  });

  test.each<[string, Order_State[], object, object]>([
    [
      "completed",
      [Order_State.RESERVED, Order_State.PAID, Order_State.SHIPPING, Order_State.COMPLETED],
      {},
      { state: Order_State.COMPLETED, outcomeReason: "" },
    ],
    [
      "sold out",
      [Order_State.REJECTED],
      { outcomeReason: "OUT_OF_STOCK" },
      { state: Order_State.REJECTED, outcomeReason: "OUT_OF_STOCK" },
    ],
  ])("is told how its %s order ended when it asks again", async (_, states, details, expected) => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    await move("w", orderId, states, details);
    const { outcomes } = await service.saga.batchBegin({ workflowId: "w", orderIds: [orderId, "nothing"] });
    expect(outcomes.map(({ outcome }) => outcome.value)).toEqual([
      expect.objectContaining({ workflowId: "w", ...expected }),
      expect.objectContaining({ workflowId: "", state: Order_State.UNSPECIFIED, outcomeReason: "" }),
    ]);
  });

  test("is the only one that can move it", async () => {
    const orderId = await newOrder();
    await begin("w", [orderId]);
    expect(await move("other", orderId, [Order_State.RESERVED])).toBe(Order_State.UNSPECIFIED);
    expect(await move("w", orderId, [Order_State.RESERVED])).toBe(Order_State.RESERVED);
  });

  test("may be set from the start; then no other workflow can claim the order, and no worker gets its command", async () => {
    const orderId = "placed";
    const checkout = { orderId, customerId: "ann", lines: [{ productId: "mug", quantity: 1 }] };
    const place = async () => (await service.saga.placeOrder({ workflowId: "gate", checkout })).order;
    expect(await place()).toMatchObject({ id: orderId, state: Order_State.PENDING, workflowId: "gate" });
    expect(await place()).toMatchObject({ id: orderId, workflowId: "gate" });
    expect(await commandsOf(orderId)).toEqual([{ kind: "CHECKOUT", state: "STARTED" }]);
    expect(await begin("another", [orderId])).toEqual(["dropped"]);
    expect(await begin("gate", [orderId])).toEqual(["taken"]);
  });

  test("hands it over to a workflow of its own, and records the command that starts it", async () => {
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
  test("keeps every change once, however often a move is repeated", async () => {
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

  test("that becomes final drops its command, and closes or reopens its cart", async () => {
    const cart = async (endsAs: Order_State) => {
      const { cart } = await service.carts.createCart({
        customerId: `cust-${endsAs}`,
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
    expect(await cart(Order_State.COMPLETED)).toMatchObject({
      state: Cart_State.PURCHASED,
      isDefault: false,
      lastFailureReason: "",
    });
    expect(await cart(Order_State.REJECTED)).toMatchObject({
      state: Cart_State.OPEN,
      lastFailureReason: "OUT_OF_STOCK",
    });
  });
});

describe("commands", () => {
  const lease = { seconds: 60n };
  const claim = (more: object = {}) =>
    service.commands.claimCommands({ claimer: "test", kinds: ["CHECKOUT"], maxCommands: 1000, lease, ...more });

  test("are in one batch each, however many workers claim at once", async () => {
    await Promise.all(Array.from({ length: 30 }, () => newOrder()));
    const batches = await Promise.all(Array.from({ length: 5 }, () => claim({ maxCommands: 7 })));
    const ids = batches.flatMap(({ commands }) => commands.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    await Promise.all(
      batches.filter((b) => b.batchId !== "").map(({ batchId }) => service.commands.confirmCommands({ batchId })),
    );
  });

  test("are handed out again as the same batch if the claim is not confirmed", async () => {
    await drain();
    const orderId = await newOrder();
    const first = await claim({ lease: { seconds: 1n } });
    expect(first.commands.map((command) => command.orderId)).toEqual([orderId]);
    const second = await claim({ wait: { seconds: 20n } });
    expect(second.batchId).toBe(first.batchId);
    expect(second.commands.map(({ id, deliveries }) => [id, deliveries])).toEqual([[first.commands[0]?.id, 1]]);
    await service.commands.confirmCommands({ batchId: first.batchId });
    await service.commands.confirmCommands({ batchId: first.batchId });
    expect(await commandsOf(orderId)).toEqual([{ kind: "CHECKOUT", state: "STARTED" }]);
  });

  test("wake a claim that waits", async () => {
    await drain();
    const waiting = claim({ wait: { seconds: 20n } });
    const orderId = await newOrder();
    expect((await waiting).commands.map((command) => command.orderId)).toEqual([orderId]);
  });

  test("of stalled orders are reopened if their owner is gone, and only those", async () => {
    await drain();
    const [gone, alive] = [await newOrder(), await newOrder()];
    const { batchId } = await claim();
    await begin(`checkout-${batchId}`, [gone, alive]);
    await service.commands.confirmCommands({ batchId });
    const { commands } = await service.commands.listStalledCommands({ stalledFor: { seconds: 0n } });
    const stalled = commands.filter(({ command }) => [gone, alive].includes(command?.orderId ?? ""));
    expect(stalled.map(({ ownerWorkflowId }) => ownerWorkflowId)).toEqual(Array(2).fill(`checkout-${batchId}`));
    const items = stalled.map(({ command }) => ({
      commandId: command!.id,
      ownerWorkflowId: command!.orderId === gone ? `checkout-${batchId}` : "another",
    }));
    await service.commands.restartCommands({ items });
    expect(await commandsOf(gone)).toEqual([{ kind: "CHECKOUT", state: "OPEN" }]);
    expect(await commandsOf(alive)).toEqual([{ kind: "CHECKOUT", state: "STARTED" }]);
    expect(await begin("next", [gone, alive])).toEqual(["taken", "dropped"]);
  });

  test("of an unknown batch cannot be confirmed", async () => {
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
  test("has every event once, each order's in sequence, and resumes at any position", async () => {
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

  test("sends subscribers new events of the types that they ask for", async () => {
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

  test("has the shortages of a sold out order, and the time until which an order can be paid", async () => {
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

describe("the event of an order that ends undone", () => {
  const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
  const told = (minorUnits: string) => ({ currencyCode: "USD", minorUnits });
  const ends = ["REJECTED", "CANCELLED", "EXPIRED"] as const;

  test.each(
    ends.flatMap((end) => [
      { end, what: "nothing was taken", payBack: {}, expected: {} },
      { end, what: "all was paid back", payBack: { paidBack: usd(100n) }, expected: { paidBack: told("100") } },
      {
        ...{ end, what: "some was settled otherwise" },
        payBack: { paidBack: usd(40n), settledOtherwise: usd(60n) },
        expected: { paidBack: told("40"), settledOtherwise: told("60") },
      },
      { end, what: "an earlier version of the worker does not tell", payBack: undefined, expected: undefined },
    ]),
  )("as $end says that $what", async ({ end, payBack, expected }) => {
    const orderId = await newOrder();
    await bring(orderId, "RESERVED");
    const owner = `w-${orderId}`;
    const reason = { endsAs: Order_State[end], outcomeReason: "FAILED" };
    await move(owner, orderId, [Order_State.CANCELLING], reason);
    await move(owner, orderId, [Order_State.CANCELLED], payBack === undefined ? {} : { payBack });

    const { rows } = await service.pool.query(
      "select type, data from events where subject = $1 order by sequence desc limit 1",
      [orderId],
    );
    expect(rows[0]?.type).toBe(`sagacart.order.${end.toLowerCase()}.v1`);
    expect(rows[0]?.data.payBack).toEqual(expected);
  });
});
