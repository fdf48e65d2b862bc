import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { SentSpan } from "@sagacart/chassis/trace/otlp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { type Caller, callerOf } from "./support/caller.ts";
import { home, makeCustomer, makeProduct } from "./support/scenario.ts";
import { manySpans, sendSpans } from "./support/send-spans.ts";
import { startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// npm start -- --observe: the traces of a whole shop, as an operator reads them.

let shop: TestShop;
let call: Caller;
let productId: string;
let customerId: string;
let operator: { authorization: string };
/** Takes webhooks. */
let hooks: Server;
beforeAll(async () => {
  shop = await startShop({}, { observe: true });
  call = callerOf(shop.stack);
  productId = await makeProduct(shop.shop, 1_000);
  customerId = await makeCustomer(shop.shop, 1_000_000n);
  operator = { authorization: await authorizationOf(shop.stack.addresses, "admin") };
  hooks = createServer((_, response) => response.writeHead(204).end()).listen(0, "127.0.0.1");
  await once(hooks, "listening");
  const { port } = hooks.address() as AddressInfo;
  const endpoint = { url: `http://127.0.0.1:${port}/hook?token=secret`, eventTypes: ["sagacart.order.completed.v1"] };
  const key = { "idempotency-key": crypto.randomUUID() };
  expect(await call("POST /v1/webhook-endpoints", { endpoint }, { ...operator, ...key })).toMatchObject({
    status: 200,
  });
});
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]();
  hooks?.closeAllConnections();
  hooks?.close();
});

async function buy(headers: Record<string, string> = {}, waitFor = "WAIT_FOR_COMPLETED"): Promise<string> {
  const order = {
    customerId,
    lines: [{ productId, quantity: 1 }],
    paymentMethod: "pm_ok",
    shippingAddress: home("12345"),
    contactEmail: "ada@example.com",
    waitFor,
  };
  const key = { "idempotency-key": crypto.randomUUID() };
  const { status, body } = await call("POST /v1/orders", order, { ...operator, ...key, ...headers });
  expect([status, body.order?.id]).toEqual([200, expect.any(String)]);
  return body.order.id;
}

async function traceIdsOf(orderId: string): Promise<string[]> {
  const { body } = await call(`GET /v1/orders/${orderId}`, undefined, operator);
  const changes: { traceId?: string }[] = body.changes;
  return [...new Set(changes.flatMap(({ traceId = "" }) => (traceId === "" ? [] : [traceId])))];
}

async function spansOf(traceIds: readonly string[]): Promise<SentSpan[]> {
  const { status, body } = await call(
    `GET /observe/traces?${traceIds.map((id) => `id=${id}`).join("&")}`,
    undefined,
    operator,
  );
  expect([status, body.leftOut]).toEqual([200, 0]);
  return body.spans;
}

const inShort = ({ service, kind, name }: SentSpan) => `${service} ${kind} ${name}`;

/** Waits until these traces have spans of these names, as `service kind name`. */
async function untilThere(traceIds: readonly string[], expected: readonly string[]): Promise<SentSpan[]> {
  let seen: SentSpan[] = [];
  const missing = () => expected.filter((name) => !seen.map(inShort).includes(name));
  return await until(
    60_000,
    () => `the spans ${missing().join(", ")} of ${traceIds.join(", ")}`,
    async () => {
      seen = await spansOf(traceIds);
      return missing().length === 0 ? seen : undefined;
    },
  );
}

const steps = [
  "worker producer StartWorkflow:checkout",
  "worker internal RunWorkflow:checkout",
  "worker internal RunActivity:carry",
  "worker internal step reserve",
  "worker internal step charge",
  "worker internal step ship",
  "stock server sagacart.stock.v1.StockService/BatchReserve",
  "payment server sagacart.payment.v1.PaymentService/BatchCharge",
  "payment client PUT /charges/{key}",
  "shipping server sagacart.shipping.v1.ShippingService/BatchCreateShipments",
  "notifier consumer consume notifier",
  "notifier client send mail",
  "notifier client send webhook",
];

test("an order is one trace, from the request to each statement of every service, which its changes name", async () => {
  const orderId = await buy();
  const traceIds = await traceIdsOf(orderId);
  expect(traceIds).toEqual([expect.stringMatching(/^[\da-f]{32}$/)]);

  const spans = await untilThere(traceIds, [
    "gateway server POST /v1/orders",
    "order server sagacart.order.v1.OrderService/Checkout",
    "worker consumer command CHECKOUT",
    ...steps,
  ]);

  const ofTheTrace = spans.filter(({ traceId }) => traceId === traceIds[0]);
  for (const service of ["order", "stock", "payment", "shipping"]) {
    const statements = ofTheTrace.filter((span) => span.service === service && "db.query.text" in span.attributes);
    expect(statements.length, `statements of ${service}`).toBeGreaterThan(0);
  }
  const known = new Set(ofTheTrace.map(({ spanId }) => spanId));
  expect(ofTheTrace.filter(({ parentSpanId }) => !known.has(parentSpanId)).map(inShort)).toEqual([
    "gateway server POST /v1/orders",
  ]);
  for (const secret of ["Springfield", "ada@example.com", "token=secret"]) {
    expect(JSON.stringify(spans)).not.toContain(secret);
  }
});

test("an order that shared its batch with others shows the batch's steps, and nothing of the others", async () => {
  await shop.stack.kill("worker", "SIGTERM");
  const orderIds = await Promise.all(Array.from({ length: 3 }, () => buy({}, "WAIT_FOR_ACCEPTED")));
  await shop.stack.start("worker");
  await Promise.all(orderIds.map((orderId) => untilFinal(shop.shop, orderId)));
  const [mine = "", ...others] = orderIds;
  const [first = ""] = await traceIdsOf(mine);

  // By its first trace alone: the batch links to it.
  const spans = await untilThere([first], ["gateway server POST /v1/orders", ...steps]);

  const batch = spans.find(({ name }) => name === "StartWorkflow:checkout");
  expect(batch?.traceId).not.toBe(first);
  expect(await traceIdsOf(mine)).toEqual([first, batch?.traceId]);
  const commands = spans.filter(({ name }) => name === "command CHECKOUT");
  expect(commands.map(({ attributes }) => attributes["sagacart.order.id"])).toEqual([mine]);
  for (const other of others) {
    const [traceId] = await traceIdsOf(other);
    expect(spans.filter((span) => span.traceId === traceId)).toEqual([]);
  }
});

test("nobody but an operator reads traces", async () => {
  const path = `GET /observe/traces?id=${"1".repeat(32)}`;
  const alice = { authorization: await authorizationOf(shop.stack.addresses, "alice") };
  expect((await call(path)).body.reason).toBe("TOKEN_MISSING");
  expect((await call(path, undefined, alice)).body.reason).toBe("ROLE_REQUIRED");
});

test("a caller who does not want a trace has none", async () => {
  const traceId = randomBytes(16).toString("hex");
  const orderId = await buy({ traceparent: `00-${traceId}-00f067aa0ba902b7-00` });
  expect(await traceIdsOf(orderId)).toEqual([]);
  expect(await spansOf([traceId])).toEqual([]);
});

test("a flood of spans removes the oldest traces, and the shop goes on", async () => {
  const before = await traceIdsOf(await buy());
  await untilThere(before, steps);
  for (let n = 1; n <= 6; n++) {
    const traceId = n.toString(16).padStart(32, "e");
    const spans = manySpans(10_000, { traceId });
    for (let from = 0; from < spans.length; from += 2_500) {
      await sendSpans(shop.stack.addresses.traces ?? "", spans.slice(from, from + 2_500));
    }
  }
  await until(60_000, "the old trace to be gone", async () =>
    (await spansOf(before)).length === 0 ? true : undefined,
  );

  await untilThere(await traceIdsOf(await buy()), steps);
});

test("a gateway that cannot reach the trace server says so, and the shop goes on", async () => {
  await shop.stack.kill("gateway", "SIGTERM");
  // Nothing listens there.
  await shop.stack.start("gateway", { TRACES_URL: "http://127.0.0.1:1" });
  const { status, body } = await call(`GET /observe/traces?id=${"1".repeat(32)}`, undefined, operator);
  expect([status, body.reason]).toEqual([503, "TRACES_UNAVAILABLE"]);
  await buy();
});
