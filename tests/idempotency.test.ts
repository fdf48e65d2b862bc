import { Order_State } from "@sagacart/proto/order/v1/order";
import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, type Caller, callerOf, signUp } from "./support/caller.ts";
import { makeProduct } from "./support/scenario.ts";
import { quickWorker, startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// For each of a hundred Idempotency-Keys, fifty callers send the same request while processes are killed.
// A caller whose answer is lost, or who is told to retry, sends it again.

let shop: TestShop;
let send: Caller;
beforeAll(async () => {
  shop = await startShop({ worker: quickWorker });
  send = callerOf(shop.stack);
});
afterAll(() => shop?.[Symbol.asyncDispose]());

const callers = 50;
const keys = 50;
const atATime = 5;
const quantity = 2;

type Purchase = { readonly path: string; readonly body: object; readonly headers: Record<string, string> };

test("/v1: a key's fifty answers are equal, and there is one order and one charge", async () => {
  const productId = await makeProduct(shop.shop, 10_000);
  const { id: customerId, headers } = await signUp(send, "ada");
  const lines = [{ productId, quantity }];
  const orderIds = await buyWhileKilling(async (key) => {
    const body = { customerId, lines, paymentMethod: "pm_ok", waitFor: "WAIT_FOR_COMPLETED" };
    const purchase = { path: "/v1/orders", body, headers: { ...headers, "idempotency-key": key } };
    // At its deadline the answer has the order's current state; a caller who needs the final one repeats the request.
    return await sameAnswer(purchase, ({ body: { order } }) =>
      order?.state === "STATE_COMPLETED" ? order : undefined,
    );
  });
  await expectOnePurchaseEach(customerId, productId, orderIds);
});

test("the shop's API: a key's fifty answers are equal, and there is one order and one charge", async () => {
  const productId = await makeProduct(shop.shop, 10_000);
  const { id: userId, headers } = await signUp(send, "ada");
  const body = { userId, items: [{ productId, quantity }] };
  const orderIds = await buyWhileKilling(async (key) => {
    const order = await sameAnswer(
      { path: "/api/v1/orders", body, headers: { ...headers, "idempotency-key": key } },
      ({ body }) => (body.status === "PENDING" ? body : undefined),
    );
    // Paying has no key: the order's state makes it idempotent.
    const pay = { path: `/api/v1/orders/${order.id}/pay`, body: {}, headers };
    expect(await sameAnswer(pay, ({ body }) => body)).toEqual({ id: order.id, status: "PAID" });
    return order;
  });
  await expectOnePurchaseEach(userId, productId, orderIds);
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches({ stalledAfterMs: 0 })).toEqual([]);
});

/** Buys with each key, some at a time, and kills one process after the other meanwhile. */
async function buyWhileKilling(buy: (key: string) => Promise<{ readonly id: string }>): Promise<string[]> {
  const orderIds: string[] = [];
  const left = Array.from({ length: keys }, () => crypto.randomUUID());
  const total = left.length;
  const buyers = Array.from({ length: atATime }, async () => {
    for (let key = left.pop(); key !== undefined; key = left.pop()) {
      orderIds.push((await buy(key)).id);
    }
  });
  const killer = async () => {
    for (const [index, victim] of ["order", "gateway", "payment"].entries()) {
      const enough = (total * (index + 1)) / 5;
      await until(120_000, `${enough} purchases`, async () => (orderIds.length >= enough ? true : undefined));
      await shop.stack.kill(victim, "SIGKILL");
      await shop.stack.start(victim);
    }
  };
  await Promise.all([killer(), ...buyers]);
  return orderIds;
}

/** Sends one purchase from all callers, each until it succeeds, and returns the answer, which must be the same. */
async function sameAnswer<T>(
  { path, body, headers }: Purchase,
  answerIn: (answer: Answer) => T | undefined,
): Promise<T> {
  const ask = async () => {
    const answer = await send(`POST ${path}`, body, headers);
    return answer.status < 300 ? answerIn(answer) && answer : isPassing(answer) ? undefined : answer;
  };
  const answers = await Promise.all(
    Array.from({ length: callers }, async () => {
      const answer = await until(90_000, `an answer of ${path}`, ask);
      expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) });
      return answerIn(answer);
    }),
  );
  const [first] = answers;
  for (const answer of answers) {
    expect(answer).toEqual(first);
  }
  return first!;
}

/** Returns true if the request should be retried. */
function isPassing({ status }: Answer): boolean {
  return status >= 500 || status === 409;
}

async function expectOnePurchaseEach(customerId: string, productId: string, orderIds: readonly string[]) {
  expect(new Set(orderIds).size).toBe(keys);
  const { orders } = await shop.shop.orders.listOrders({ customerId, pageSize: 200 });
  expect(orders.map(({ id }) => id).sort()).toEqual([...orderIds].sort());
  for (const id of orderIds) {
    expect((await untilFinal(shop.shop, id)).state).toBe(Order_State.COMPLETED);
    const { payments } = await shop.shop.payments.listPayments({ orderId: id });
    expect(payments.map(({ state }) => state)).toEqual([Payment_State.CAPTURED]);
  }
  const { product } = await shop.shop.products.getProduct({ id: productId });
  expect(product).toMatchObject({ onHand: 10_000 - keys * quantity, reserved: 0 });
}
