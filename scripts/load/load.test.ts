import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { Order_State, OrderSchema } from "@sagacart/proto/order/v1/order";
import { type CheckoutRequest, OrderService } from "@sagacart/proto/order/v1/order_service";
import { expect, test } from "vitest";
import type { Shop } from "../demo/shop.ts";
import { type Goods, loadByRate, tallyOf } from "./load.ts";

const goods: Goods = { products: ["p", "q"], customers: ["ann", "ben", "cem"], stocked: 10, money: 100 };

/** A shop whose order service answers so. */
function shopWith(answer: (request: CheckoutRequest) => Promise<Order_State> | Order_State) {
  const asked: CheckoutRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(OrderService, {
      async checkout(request) {
        asked.push(request);
        return { order: create(OrderSchema, { id: request.orderId, state: await answer(request) }) };
      },
    });
  });
  // The load calls nothing else of the shop.
  return { asked, shop: { orders: createClient(OrderService, transport) } as Shop };
}

const signal = new AbortController().signal;

test("so many checkouts are begun a second, for all customers and products in turn", async () => {
  const { shop, asked } = shopWith(() => Order_State.COMPLETED);
  const startedMs = performance.now();
  const bought = await loadByRate(shop, goods, { perSecond: 60, seconds: 0.5, signal });
  expect(performance.now() - startedMs).toBeGreaterThan(470);
  expect(bought).toHaveLength(30);
  expect(new Set(asked.map(({ requestId }) => requestId)).size).toBe(30);
  expect(new Set(asked.map(({ customerId }) => customerId))).toEqual(new Set(goods.customers));
  expect(new Set(asked.map(({ lines }) => lines[0]?.productId))).toEqual(new Set(goods.products));
  expect(tallyOf(bought)).toEqual([["COMPLETED", 30]]);
});

test("a checkout that is not answered is repeated with the same key until it is", async () => {
  let away = 2;
  const { shop, asked } = shopWith(() => {
    if (away-- > 0) throw new ConnectError("connection refused", Code.Unavailable);
    return Order_State.COMPLETED;
  });
  const bought = await loadByRate(shop, goods, { perSecond: 1, seconds: 1, signal });
  expect(tallyOf(bought)).toEqual([["COMPLETED", 1]]);
  expect(asked).toHaveLength(3);
  expect(new Set(asked.map(({ requestId }) => requestId)).size).toBe(1);
});

test("one that nobody answers is told as such, and a refusal is not repeated", async () => {
  const { shop, asked } = shopWith(({ customerId }) => {
    throw new ConnectError("no", customerId === "ann" ? Code.Unavailable : Code.FailedPrecondition);
  });
  const bought = await loadByRate(shop, goods, { perSecond: 2, seconds: 1, signal, repeatForMs: 0 });
  expect(tallyOf(bought)).toEqual([
    ["not answered: Unavailable: no", 1],
    ["not answered: FailedPrecondition: no", 1],
  ]);
  expect(asked.filter(({ customerId }) => customerId === "ben")).toHaveLength(1);
});

test("stopped early, it begins no more, and waits for what it began", async () => {
  const stopping = new AbortController();
  const answers = Promise.withResolvers<Order_State>();
  const { shop, asked } = shopWith(() => answers.promise);
  const loading = loadByRate(shop, goods, { perSecond: 1, seconds: 600, signal: stopping.signal });
  await expect.poll(() => asked.length).toBe(1);
  stopping.abort();
  answers.resolve(Order_State.COMPLETED);
  expect(tallyOf(await loading)).toEqual([["COMPLETED", 1]]);
});

test("while nobody answers, no more are under way than there may be", async () => {
  const stopping = new AbortController();
  const answers = Promise.withResolvers<Order_State>();
  const { shop, asked } = shopWith(() => answers.promise);
  const loading = loadByRate(shop, goods, { perSecond: 500, seconds: 1, signal: stopping.signal, atOnce: 3 });
  await expect.poll(() => asked.length).toBe(3);
  await new Promise((later) => setTimeout(later, 50));
  expect(asked.length).toBe(3);
  stopping.abort();
  answers.resolve(Order_State.REJECTED);
  expect((await loading).length).toBeLessThanOrEqual(4);
});
