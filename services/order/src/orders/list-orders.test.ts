import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { errorInfo } from "@sagacart/chassis/errors";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startOrderService } from "../testing/order.ts";

test("a page token holds for the same states in any order, however often each is named", async () => {
  await using service = await startOrderService();
  const customerId = "customer-1";
  for (let count = 0; count < 3; count++) {
    const lines = [{ productId: "mug", quantity: 1 }];
    await service.orders.checkout({ customerId, lines, waitFor: WaitFor.ACCEPTED });
  }
  const states = [Order_State.PENDING, Order_State.PAID, Order_State.REJECTED];
  const first = await service.orders.listOrders({ customerId, states, pageSize: 1 });
  const { orders: rest } = await service.orders.listOrders({ customerId, states, pageToken: first.nextPageToken });
  expect(rest).toHaveLength(2);
  for (const same of [states.toReversed(), [...states, ...states], [Order_State.REJECTED, ...states]]) {
    const page = await service.orders.listOrders({ customerId, states: same, pageToken: first.nextPageToken });
    expect(page.orders.map(({ id }) => id)).toEqual(rest.map(({ id }) => id));
  }
  const other = service.orders.listOrders({ customerId, states: states.slice(1), pageToken: first.nextPageToken });
  expect(errorInfo(await other.catch((error: unknown) => error)).reason).toBe("BAD_PAGE_TOKEN");
});

describe("the filters", () => {
  let service: Awaited<ReturnType<typeof startOrderService>>;
  let created: Order[];
  beforeAll(async () => {
    service = await startOrderService();
    created = [];
    for (const productIds of [["mug"], ["pen"], ["mug", "cap"], ["pen"], ["mug"]]) {
      const lines = productIds.map((productId) => ({ productId, quantity: 1 }));
      const { order } = await service.orders.checkout({ customerId: "ann", lines, waitFor: WaitFor.ACCEPTED });
      created.unshift(order!);
    }
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const idsOf = (orders: readonly Order[]) => orders.map(({ id }) => id);
  const nth = (...indices: number[]) => indices.map((index) => created[index]!.id);

  test.each([
    ["a product", () => ({ productId: "mug" }), [0, 2, 4]],
    ["the second product of an order", () => ({ productId: "cap" }), [2]],
    ["a product that nobody bought", () => ({ productId: "hat" }), []],
    ["a product and a customer without orders", () => ({ productId: "mug", customerId: "bob" }), []],
    ["a product and a state", () => ({ productId: "mug", states: [Order_State.PENDING] }), [0, 2, 4]],
    ["a product and a state that none has", () => ({ productId: "mug", states: [Order_State.PAID] }), []],
    ["a time before all", () => ({ createTimeFrom: timestampFromMs(0) }), [0, 1, 2, 3, 4]],
    ["a time after all", () => ({ createTimeFrom: timestampFromMs(Date.now() + 60_000) }), []],
    ["before a time before all", () => ({ createTimeBefore: timestampFromMs(0) }), []],
    [
      "a span with a product",
      () => ({ productId: "pen", createTimeFrom: timestampFromMs(0), createTimeBefore: timestampFromMs(4e12) }),
      [1, 3],
    ],
  ])("%s finds just those orders", async (_name, request, indices) => {
    const { orders, nextPageToken } = await service.orders.listOrders(request());
    expect(idsOf(orders)).toEqual(nth(...indices));
    expect(nextPageToken).toBe("");
  });

  test("the first time is in the span, and the last is not", async () => {
    await service.pool.query("update orders set create_time = $2, update_time = $2 where id = $1", [
      created[3]!.id,
      new Date("2020-01-01T00:00:00Z"),
    ]);
    const time = timestampFromDate(new Date("2020-01-01T00:00:00Z"));
    const from = await service.orders.listOrders({ createTimeFrom: time, createTimeBefore: timestampFromMs(1.6e12) });
    expect(idsOf(from.orders)).toEqual(nth(3));
    expect((await service.orders.listOrders({ createTimeBefore: time })).orders).toEqual([]);
  });

  test("pages of a product's orders have each order once, and their token holds for that product only", async () => {
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await service.orders.listOrders({ productId: "mug", pageSize: 1, pageToken });
      seen.push(...idsOf(page.orders));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(nth(0, 2, 4));

    const { nextPageToken } = await service.orders.listOrders({ productId: "mug", pageSize: 1 });
    const other = service.orders.listOrders({ productId: "pen", pageToken: nextPageToken });
    expect(errorInfo(await other.catch((error: unknown) => error)).reason).toBe("BAD_PAGE_TOKEN");
  });

  test("a page that looked at thousands of orders without the product leads on to the one that has it", async () => {
    await service.pool.query(
      `insert into orders (id, customer_id, fingerprint, state, sequence, currency, total_minor, payment_method, pay_later,
         create_time, update_time)
       select 'other-' || n, 'ann', '', 'COMPLETED', 1, 'USD', 0, '', false, now() + interval '1 hour', now() + interval '1 hour'
       from generate_series(1, 2500) as n`,
    );
    const first = await service.orders.listOrders({ productId: "cap" });
    expect(first.orders).toEqual([]);
    const second = await service.orders.listOrders({ productId: "cap", pageToken: first.nextPageToken });
    expect(idsOf(second.orders)).toEqual(nth(2));
    expect(second.nextPageToken).toBe("");
  });
});
