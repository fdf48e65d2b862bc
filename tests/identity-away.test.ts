import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callerOf, signIn, type User } from "./support/caller.ts";
import { makeProduct } from "./support/scenario.ts";
import { quickWorker, startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// While identity is down, users who have signed in can still buy; the rest continues when it is back.

let shop: TestShop;
let call: Caller;
let alice: User;
let productId: string;

beforeAll(async () => {
  shop = await startShop({ worker: quickWorker });
  call = callerOf(shop.stack);
  alice = await signIn(call, "alice", "alice123");
  productId = await makeProduct(shop.shop, 10);
});
afterAll(() => shop?.[Symbol.asyncDispose]());

function buy(waitFor: string) {
  const order = { lines: [{ productId, quantity: 1 }], customerId: alice.id, paymentMethod: "pm_ok", waitFor };
  return call("POST /v1/orders", order, { ...alice.headers, "idempotency-key": crypto.randomUUID() });
}

test("while identity is down, users who have signed in can buy, and nobody can sign in", async () => {
  // After this, every process has the keys: one that started before identity fetches them with its first token.
  expect((await buy("WAIT_FOR_COMPLETED")).body.order).toMatchObject({ state: "STATE_COMPLETED" });
  await shop.stack.kill("identity", "SIGKILL");

  expect((await buy("WAIT_FOR_COMPLETED")).body.order).toMatchObject({ state: "STATE_COMPLETED" });
  expect(await call("POST /v1/sessions", { username: "bob", password: "bob12345" })).toMatchObject({ status: 503 });
});

test("a gateway that starts while identity is down answers 503, not 401, to a valid token", async () => {
  await shop.stack.kill("gateway", "SIGKILL");
  await shop.stack.start("gateway");

  expect(await call("GET /v1/orders", undefined, alice.headers)).toMatchObject({
    status: 503,
    body: { reason: "ISSUER_UNAVAILABLE" },
  });
  expect((await call("GET /v1/products")).status).toBe(200);
});

test("an order waits while the worker has no token, and completes when identity is back", async () => {
  await shop.stack.kill("worker", "SIGKILL");
  await shop.stack.start("worker");
  // Called as the operator, whose token the order service has verified before.
  const lines = [{ productId, quantity: 1 }];
  const { order } = await shop.shop.orders.checkout({
    customerId: alice.id,
    lines,
    paymentMethod: "pm_ok",
    waitAtMost: { seconds: 1n },
  });
  expect(order?.state).toBe(Order_State.PENDING);

  await shop.stack.start("identity");
  expect((await untilFinal(shop.shop, order?.id ?? "")).state).toBe(Order_State.COMPLETED);
  const { body } = await until(60_000, "the gateway to have the keys", async () => {
    const answer = await buy("WAIT_FOR_COMPLETED");
    return answer.status === 200 ? answer : undefined;
  });
  expect(body.order.state).toBe("STATE_COMPLETED");
  expect(await shop.breaches({ stalledAfterMs: 0 })).toEqual([]);
});
