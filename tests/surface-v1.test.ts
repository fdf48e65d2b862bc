import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { errorInfo } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// The native API with the real services: a purchase over REST, watching it, and invalid input.

let shop: TestShop;
let origin: string;
/** The authorization header of the shop's operator, who may do what any customer may. */
let authorization: string;

beforeAll(async () => {
  shop = await startShop();
  origin = `http://${shop.stack.addresses.gateway}`;
  authorization = await authorizationOf(shop.stack.addresses, "admin");
});
afterAll(() => shop?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes.
type Answer = { status: number; location: string | null; body: any };

async function send(
  request: string,
  body?: object,
  key: string = crypto.randomUUID(),
  headers: Record<string, string> = {},
): Promise<Answer> {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      authorization,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      "idempotency-key": key,
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, location: response.headers.get("location"), body: await response.json() };
}

const money = (minorUnits: number, currencyCode = "USD") => ({ currencyCode, minorUnits: String(minorUnits) });

async function makeProduct(price = money(250), initialOnHand = 10): Promise<string> {
  const { body } = await send("POST /v1/products", { product: { title: "Thing", price }, initialOnHand });
  return body.product.id;
}

async function makeCustomer(minorUnits: number): Promise<string> {
  const { body } = await send("POST /v1/accounts", {});
  const { customerId } = body.account;
  expect((await send(`POST /v1/accounts/${customerId}:deposit`, { amount: money(minorUnits) })).status).toBe(200);
  return customerId;
}

test("a cart is filled, checked out and bought, and its order has the state", async () => {
  const customerId = await makeCustomer(1_000);
  const productId = await makeProduct();
  const { body: made, location: cartAt } = await send("POST /v1/carts", { customerId, name: "Birthday" });
  const cartId = made.cart.id;
  expect(cartAt).toBe(`/v1/carts/${cartId}`);
  await send(`POST /v1/carts/${cartId}/items`, { productId, quantity: 2 });
  const { status, body, location } = await send("POST /v1/orders", {
    customerId,
    cartId,
    waitFor: "WAIT_FOR_COMPLETED",
  });
  expect([status, body.order.state, body.order.total.minorUnits]).toEqual([200, "STATE_COMPLETED", "500"]);
  expect(location).toBe(`/v1/orders/${body.order.id}`);
  expect((await send(`GET ${location}`)).body.changes.map(({ state }: { state: string }) => state)).toEqual([
    "STATE_PENDING",
    "STATE_RESERVED",
    "STATE_PAID",
    "STATE_SHIPPING",
    "STATE_COMPLETED",
  ]);
  expect((await send(`GET /v1/carts/${cartId}`)).body.cart.state).toBe("STATE_PURCHASED");
  expect((await send(`GET /v1/orders?customerId=${customerId}&states=STATE_COMPLETED`)).body.orders).toHaveLength(1);
  expect((await send(`GET /v1/shipments/${body.order.id}`)).body.shipment.orderId).toBe(body.order.id);
});

test("a guest's cart is merged at sign-in, stays open after a declined card, and can be duplicated when it is bought", async () => {
  const productId = await makeProduct();
  const lines = [{ productId, quantity: 1 }];
  const stranger = { authorization: "" };
  const { body: guests, location } = await send("POST /v1/guest-carts", { lines }, undefined, stranger);
  const read = (headers: Record<string, string>) => send(`GET ${location}`, undefined, undefined, headers);
  expect((await read({ ...stranger, "guest-token": guests.guestToken })).body.cart).toMatchObject({ lines });
  for (const wrong of [stranger, { ...stranger, "guest-token": "another" }, {}]) {
    expect(await read(wrong)).toMatchObject({ status: 404, body: { reason: "CART_NOT_FOUND" } });
  }
  expect((await send(`GET /v1/carts/${guests.cart.id}`)).status).toBe(404);

  const alice = { authorization: await authorizationOf(shop.stack.addresses, "alice") };
  const asAlice = (request: string, body?: object) => send(request, body, undefined, alice);
  const merge = { guestToken: guests.guestToken, strategy: "STRATEGY_SUM" };
  const preview = await asAlice(`POST /v1/carts/${guests.cart.id}:merge`, { ...merge, preview: true });
  const { body: merged } = await asAlice(`POST /v1/carts/${guests.cart.id}:merge`, merge);
  expect(merged.lines).toEqual(preview.body.lines);
  const cartId = merged.cart.id;
  const whole = { name: "Mine", lines: [...lines, { productId: "nothing", quantity: 0 }] };
  expect((await asAlice(`PUT /v1/carts/${cartId}`, whole)).body.cart).toMatchObject({ name: "Mine", lines });

  const order = { cartId, waitFor: "WAIT_FOR_COMPLETED" };
  await asAlice("POST /v1/orders", { ...order, paymentMethod: "pm_declined" });
  expect((await asAlice(`GET /v1/carts/${cartId}`)).body.cart).toMatchObject({
    state: "STATE_OPEN",
    lastFailureReason: "PAYMENT_DECLINED",
  });
  await asAlice("POST /v1/orders", { ...order, paymentMethod: "pm_ok" });
  const list = async (query: string) =>
    (await asAlice(`GET /v1/carts?${query}`)).body.carts.map(({ id }: { id: string }) => id);
  expect(await list("states=STATE_PURCHASED&nameContains=mine")).toEqual([cartId]);
  const { body: again } = await asAlice(`POST /v1/carts/${cartId}:duplicate`, { name: "Again" });
  expect(again).toMatchObject({ cart: { name: "Again", lines, state: "STATE_OPEN" }, leftOut: [] });
  expect(await list("")).toEqual([again.cart.id]);
});

test("a repeated POST is done once, and other content with its key is 422", async () => {
  const customerId = await makeCustomer(1_000);
  const productId = await makeProduct();
  const order = { customerId, lines: [{ productId, quantity: 1 }] };
  const key = crypto.randomUUID();
  const answers = await Promise.all(Array.from({ length: 5 }, () => send("POST /v1/orders", order, key)));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.order.id}`)).size).toBe(1);
  const other = { customerId, lines: [{ productId, quantity: 2 }] };
  expect(await send("POST /v1/orders", other, key)).toMatchObject({
    status: 422,
    body: { reason: "REQUEST_ID_REUSED" },
  });
  expect((await send(`GET /v1/accounts/${customerId}`)).body.account.balance).toEqual(money(750));
});

test("an order that costs nothing completes at once, though it is to be paid later", async () => {
  const customerId = await makeCustomer(1_000);
  const lines = [{ productId: await makeProduct(money(0)), quantity: 2 }];
  const { body } = await send("POST /v1/orders", {
    customerId,
    lines,
    payLater: true,
    waitFor: "WAIT_FOR_COMPLETED",
    waitAtMost: "30s",
  });
  expect(body.order).toMatchObject({ state: "STATE_COMPLETED", total: money(0), payment: { payLater: false } });
  expect(body.order.expireTime).toBeUndefined();
  expect((await send(`GET /v1/accounts/${customerId}`)).body.account.balance).toEqual(money(1_000));
});

test("a watch over REST delivers every change once, also after a lost connection", async () => {
  const customerId = await makeCustomer(1_000);
  const lines = [{ productId: await makeProduct(), quantity: 1 }];
  const { body } = await send("POST /v1/orders", { customerId, lines, payLater: true });
  const at = `${origin}/v1/orders/${body.order.id}:watch`;
  const first = await read(at, 1);
  expect(first.changes).toEqual(["STATE_PENDING", "STATE_RESERVED", "STATE_AWAITING_PAYMENT"]);
  await send(`POST /v1/orders/${body.order.id}:pay`, {});
  const second = await read(at, Number.POSITIVE_INFINITY, first.lastId);
  expect(second.changes).toEqual(["STATE_PAID", "STATE_SHIPPING", "STATE_COMPLETED"]);
  expect(second.ended).toBe(true);
  expect((await fetch(at, { headers: { authorization, "last-event-id": second.lastId } })).status).toBe(204);
});

test("the feed has the order's events, and resumes after a given position", async () => {
  const customerId = await makeCustomer(1_000);
  const lines = [{ productId: await makeProduct(), quantity: 1 }];
  const { nextPosition } = (await send("GET /v1/events?pageSize=1000")).body;
  const { body } = await send("POST /v1/orders", { customerId, lines });
  const leaving = new AbortController();
  const types: string[] = [];
  const response = await fetch(`${origin}/v1/events:subscribe?afterPosition=${nextPosition}`, {
    headers: { authorization },
    signal: leaving.signal,
  });
  for await (const { data } of eventsOf(response)) {
    const event = JSON.parse(data);
    if (event.subject !== body.order.id) {
      continue;
    }
    types.push(event.type);
    if (event.type === "sagacart.order.completed.v1") {
      break;
    }
  }
  leaving.abort();
  expect(types).toEqual(
    ["created", "reserved", "paid", "shipping", "completed"].map((state) => `sagacart.order.${state}.v1`),
  );
});

test("a late answer of the card provider arrives through the gateway, and the order continues", async () => {
  const customerId = await makeCustomer(1);
  const lines = [{ productId: await makeProduct(), quantity: 1 }];
  const order = { customerId, lines, paymentMethod: "pm_late", waitAtMost: "60s" };
  expect((await send("POST /v1/orders", order)).body.order).toMatchObject({ state: "STATE_COMPLETED" });
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  expect(metrics).toMatch(/route="\/v1\/provider-webhooks\/:provider",status="200".*} [1-9]/);
  expect(await send("POST /v1/provider-webhooks/card", { type: "charge.captured" })).toMatchObject({
    status: 401,
    body: { reason: "BAD_SIGNATURE" },
  });
});

test("browsers can call the public services by gRPC-Web, and no others", async () => {
  const asOperator: Interceptor = (next) => (request) => {
    request.header.set("authorization", authorization);
    return next(request);
  };
  const transport = createGrpcWebTransport({ baseUrl: origin, interceptors: [asOperator] });
  const customerId = await makeCustomer(1_000);
  const lines = [{ productId: await makeProduct(), quantity: 1 }];
  const { order } = await createClient(OrderService, transport).checkout({
    customerId,
    lines,
    requestId: crypto.randomUUID(),
  });
  expect(order?.state).toBe(Order_State.COMPLETED);
  const refused = await createClient(OrderService, transport).getOrder({ id: "nothing" }).catch(ConnectError.from);
  expect(errorInfo(refused)).toMatchObject({ reason: "ORDER_NOT_FOUND", domain: "order.sagacart" });
  const internal = await createClient(SagaService, transport).batchBegin({}).catch(ConnectError.from);
  expect(errorInfo(internal).code).toBe(Code.Unimplemented);
});

describe("an invalid request is a typed 4xx and changes nothing", () => {
  test.each([
    ["an unknown order", "GET /v1/orders/nothing", 404, "ORDER_NOT_FOUND"],
    ["an unknown cart", "GET /v1/carts/nothing", 404, "CART_NOT_FOUND"],
    ["an unknown product", "GET /v1/products/nothing", 404, "PRODUCT_NOT_FOUND"],
    ["an unknown account", "GET /v1/accounts/nothing", 404, "ACCOUNT_NOT_FOUND"],
    ["an unknown payment", "GET /v1/payments/nothing", 404, "PAYMENT_NOT_FOUND"],
    ["an unknown reservation", "GET /v1/reservations/nothing", 404, "RESERVATION_NOT_FOUND"],
    ["an unknown shipment", "GET /v1/shipments/nothing", 404, "SHIPMENT_NOT_FOUND"],
    ["an unknown message", "GET /v1/messages/nothing", 404, "MESSAGE_NOT_FOUND"],
    ["an unknown incident", "GET /v1/incidents/nothing", 404, "INCIDENT_NOT_FOUND"],
    ["an invalid page token", "GET /v1/orders?pageToken=nothing", 400, "BAD_PAGE_TOKEN"],
    ["a watch of an unknown order", "GET /v1/orders/nothing:watch", 404, "ORDER_NOT_FOUND"],
  ])("%s", async (_what, request, status, reason) => {
    expect(await send(request)).toMatchObject({ status, body: { status, reason } });
  });

  test("another customer's cart and order are 404", async () => {
    const owner = await makeCustomer(1_000);
    const stranger = await makeCustomer(1_000);
    const productId = await makeProduct();
    const cartId = (await send("POST /v1/carts", { customerId: owner, lines: [{ productId, quantity: 1 }] })).body.cart
      .id;
    const orderId = (await send("POST /v1/orders", { customerId: owner, lines: [{ productId, quantity: 1 }] })).body
      .order.id;
    expect(await send(`GET /v1/carts/${cartId}?customerId=${stranger}`)).toMatchObject({
      status: 404,
      body: { reason: "CART_NOT_FOUND" },
    });
    expect(await send("POST /v1/orders", { customerId: stranger, cartId })).toMatchObject({
      status: 404,
      body: { reason: "CART_NOT_FOUND" },
    });
    expect(await send(`POST /v1/carts/${cartId}/items`, { customerId: stranger, productId })).toMatchObject({
      status: 404,
    });
    expect(await send(`GET /v1/orders/${orderId}?customerId=${stranger}`)).toMatchObject({
      status: 404,
      body: { reason: "ORDER_NOT_FOUND" },
    });
    expect(await send(`POST /v1/orders/${orderId}:refund`, { customerId: stranger })).toMatchObject({ status: 404 });
    expect((await send(`GET /v1/carts/${cartId}?customerId=${owner}`)).body.cart).toMatchObject({
      state: "STATE_OPEN",
      lines: [{ quantity: 1 }],
    });
  });

  test("an empty cart, a cart with two currencies, and an unexpected price or currency are refused", async () => {
    const customerId = await makeCustomer(1_000);
    const [dollars, euros] = [await makeProduct(), await makeProduct(money(250, "EUR"))];
    const cartId = (await send("POST /v1/carts", { customerId })).body.cart.id;
    expect(await send("POST /v1/orders", { customerId, cartId })).toMatchObject({
      status: 409,
      body: { reason: "CART_EMPTY" },
    });
    const both = [dollars, euros].map((productId) => ({ productId, quantity: 1 }));
    expect(await send("POST /v1/orders", { customerId, lines: both })).toMatchObject({
      status: 409,
      body: { reason: "CURRENCY_MISMATCH" },
    });
    const lines = [{ productId: dollars, quantity: 1 }];
    expect(await send("POST /v1/orders", { customerId, lines, expectedTotal: money(249) })).toMatchObject({
      status: 409,
      body: { reason: "PRICE_CHANGED" },
    });
    const { status, body } = await send("POST /v1/orders", { customerId, lines, expectedTotal: money(250, "EUR") });
    expect(status).toBe(409);
    expect(["PRICE_CHANGED", "CURRENCY_MISMATCH"]).toContain(body.reason);
    expect((await send(`GET /v1/orders?customerId=${customerId}`)).body.orders).toEqual([]);
  });
});

test("the laws hold after all tests of this file", async () => {
  expect(await shop.breaches()).toEqual([]);
});

type ServerSentEvent = { id: string; event: string; data: string };

async function* eventsOf(response: Response): AsyncGenerator<ServerSentEvent> {
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.data !== undefined) {
        yield { id: fields.id ?? "", event: fields.event ?? "message", data: fields.data };
      }
    }
  }
}

/** Reads until there are `count` messages or the stream ends. */
async function read(url: string, count: number, after?: string) {
  const leaving = new AbortController();
  const headers = { authorization, ...(after === undefined ? {} : { "last-event-id": after }) };
  const response = await fetch(url, { headers, signal: leaving.signal });
  const changes: string[] = [];
  let lastId = "";
  let ended = false;
  let left = count;
  for await (const { id, event, data } of eventsOf(response)) {
    if (event === "end") {
      ended = true;
      continue;
    }
    changes.push(...JSON.parse(data).changes.map(({ state }: { state: string }) => state));
    lastId = id;
    left--;
    if (left === 0) {
      break;
    }
  }
  leaving.abort();
  return { changes, lastId, ended };
}
