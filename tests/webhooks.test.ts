import { type Receiver, startReceiver } from "@sagacart/notifier/testing/receiver";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { type Caller, callerOf, signUp } from "./support/caller.ts";
import { makeCustomer, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until } from "./support/shop.ts";

// Webhooks, seen from outside: an endpoint registered over REST, orders, and the failures in between.

let shop: TestShop;
let send: Caller;
let authorization: string;
beforeAll(async () => {
  // The production settings, with much shorter times.
  shop = await startShop({
    notifier: { WEBHOOK_RETRY_MS: "200", WEBHOOK_TIMEOUT_MS: "1000", WEBHOOK_CIRCUIT_PAUSE_MS: "300" },
  });
  send = callerOf(shop.stack);
  authorization = await authorizationOf(shop.stack.addresses, "admin");
});
afterAll(() => shop?.[Symbol.asyncDispose]());

async function ask(request: string, body?: object) {
  return await send(request, body, { authorization, "idempotency-key": crypto.randomUUID() });
}

async function buy(count: number): Promise<string[]> {
  const productId = await makeProduct(shop.shop, count);
  const customerId = await makeCustomer(shop.shop, 1_000_000n);
  const orders = Array.from({ length: count }, async () => {
    const { order } = await shop.shop.orders.checkout({ customerId, lines: [{ productId, quantity: 1 }] });
    return order?.id ?? "";
  });
  return await Promise.all(orders);
}

const sequencesOf = ({ accepted }: Receiver, order: string) => [
  ...new Set(accepted.filter(({ subject }) => subject === order).map(({ sequence }) => sequence)),
];
const isComplete = (receiver: Receiver, orders: readonly string[]) =>
  orders.every((order) => receiver.accepted.some(({ subject, type }) => subject === order && type === completed));
const completed = "sagacart.order.completed.v1";

test("an endpoint that fails, is slow, goes down and comes back gets each event in order per order, with a stable id", async () => {
  const first = await startReceiver();
  const { port } = first;
  const { status, body } = await ask("POST /v1/webhook-endpoints", {
    endpoint: { url: first.url, eventTypes: ["sagacart.order.*"], description: "the warehouse" },
  });
  expect([status, body.endpoint.enabled, body.endpoint.circuit]).toEqual([200, true, "CIRCUIT_CLOSED"]);
  first.secret = body.secret;
  const { id } = body.endpoint;

  // The endpoint fails.
  first.reply = () => ({ status: 500 });
  const orders = await buy(20);
  await until(60_000, "its circuit breaker to open", async () => {
    const { endpoint } = (await ask(`GET /v1/webhook-endpoints/${id}`)).body;
    return endpoint.circuit === "CIRCUIT_CLOSED" ? undefined : true;
  });
  // It is slow, sometimes too slow.
  let n = 0;
  first.reply = () => (++n % 5 === 0 ? "hang" : { status: 200, afterMs: 100 });
  await until(60_000, "some events", async () => (first.accepted.length > 10 ? true : undefined));
  // It is down, the notifier is killed meanwhile, and more orders are placed.
  await first[Symbol.asyncDispose]();
  await shop.stack.kill("notifier", "SIGKILL");
  orders.push(...(await buy(10)));
  await shop.stack.start("notifier");
  // It is back.
  await using second = await startReceiver({ port });
  second.secret = body.secret;
  const received = () => ({ ...second, accepted: [...first.accepted, ...second.accepted] });
  await until(60_000, "all events", async () => (isComplete(received(), orders) ? true : undefined));

  expect([first.forged, second.forged]).toEqual([0, 0]);
  for (const order of orders) {
    const sequences = sequencesOf(received(), order);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  }
  const requests = Map.groupBy([...first.received, ...second.received], ({ eventId }) => eventId);
  expect([...requests.values()].every((each) => new Set(each.map(({ id }) => id)).size === 1)).toBe(true);
  await until(60_000, "no pending deliveries", async () => {
    const pending = await ask(`GET /v1/webhook-deliveries?endpointId=${id}&state=STATE_PENDING`);
    return pending.body.deliveries.length === 0 ? true : undefined;
  });
  expect((await ask(`GET /v1/webhook-deliveries?endpointId=${id}&state=STATE_DEAD`)).body.deliveries).toEqual([]);
  const final = await Promise.all(orders.map((order) => shop.shop.orders.getOrder({ id: order })));
  expect(final.every(({ order }) => order?.state === Order_State.COMPLETED)).toBe(true);
  expect((await ask(`DELETE /v1/webhook-endpoints/${id}`)).status).toBe(200);
});

test("customers and anonymous callers may not see the endpoints, which get all customers' events", async () => {
  const { headers } = await signUp(send, "ada");
  const endpoint = { url: "https://hooks.example.com/", eventTypes: ["*"] };

  expect((await send("GET /v1/webhook-endpoints")).status).toBe(401);
  expect((await send("GET /v1/webhook-endpoints", undefined, headers)).status).toBe(403);
  const create = { ...headers, "idempotency-key": crypto.randomUUID() };
  expect((await send("POST /v1/webhook-endpoints", { endpoint }, create)).status).toBe(403);
});
