import { randomBytes } from "node:crypto";
import { type OtlpSink, startOtlpSink } from "@sagacart/chassis/testing/otlp-sink";
import type { SentSpan } from "@sagacart/chassis/trace/otlp";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { callerOf } from "./support/caller.ts";
import { home, makeCustomer, makeProduct } from "./support/scenario.ts";
import { startShop, type TestShop, until, untilFinal } from "./support/shop.ts";

// The spans that a whole shop sends to a collector, for orders whose traces began at the caller.

let sink: OtlpSink;
let shop: TestShop;
let productId: string;
let customerId: string;
let authorization: string;
beforeAll(async () => {
  sink = await startOtlpSink();
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: "100" };
  const processes = ["gateway", "order", "stock", "payment", "shipping", "notifier", "identity", "worker"];
  shop = await startShop(Object.fromEntries(processes.map((name) => [name, traced])));
  productId = await makeProduct(shop.shop, 1_000);
  customerId = await makeCustomer(shop.shop, 1_000_000n);
  authorization = await authorizationOf(shop.stack.addresses, "admin");
});
afterAll(async () => {
  await shop?.[Symbol.asyncDispose]();
  await sink?.[Symbol.asyncDispose]();
});

type Placed = { readonly traceId: string; readonly orderId: string };

/** Buys something over REST in a new trace. */
async function buy(flags = "01", waitFor = "WAIT_FOR_ACCEPTED"): Promise<Placed> {
  const traceId = randomBytes(16).toString("hex");
  const traceparent = `00-${traceId}-${outside}-${flags}`;
  const { status, body } = await callerOf(shop.stack)(
    "POST /v1/orders",
    {
      customerId,
      lines: [{ productId, quantity: 1 }],
      paymentMethod: "pm_ok",
      shippingAddress: home("12345"),
      waitFor,
    },
    { authorization, traceparent, "idempotency-key": crypto.randomUUID() },
  );
  expect([status, body.order?.id]).toEqual([200, expect.any(String)]);
  return { traceId, orderId: body.order.id };
}

const outside = "00f067aa0ba902b7";

function spansOf(traceId: string): SentSpan[] {
  return sink.spans.filter((span) => span.traceId === traceId);
}

/** Waits until the trace has its workflow's run and the parent of each of its spans, and returns the spans. */
async function whole(traceId: string): Promise<SentSpan[]> {
  const what = () => `trace ${traceId} to be complete; it has\n${spansOf(traceId).map(inShort).join("\n")}`;
  return await until(60_000, what, async () => {
    const spans = spansOf(traceId);
    const ids = new Set([...spans.map(({ spanId }) => spanId), outside, ""]);
    const isWhole =
      spans.some(({ name }) => name === "RunWorkflow:checkout") &&
      spans.every(({ parentSpanId }) => ids.has(parentSpanId));
    return isWhole ? spans : undefined;
  });
}

function inShort({ service, name, spanId, parentSpanId }: SentSpan): string {
  return `${service} ${name} ${spanId} of ${parentSpanId}`;
}

test("one order is one trace, from the request through the saga to the statements of every service", async () => {
  const { traceId, orderId } = await buy("01", "WAIT_FOR_COMPLETED");

  const spans = await whole(traceId);

  const beginnings = spans.filter(({ parentSpanId }) => parentSpanId === outside);
  expect(beginnings).toMatchObject([
    { service: "gateway", name: "POST /v1/orders", kind: "server", attributes: { "http.response.status_code": 200 } },
  ]);
  const checkout = "sagacart.order.v1.OrderService/Checkout";
  const seen = spans.map(({ service, kind, name }) => `${service} ${kind} ${name}`);
  expect(seen).toEqual(
    expect.arrayContaining([
      `gateway client ${checkout}`,
      `order server ${checkout}`,
      "order internal record checkouts",
      "order client record-commands",
      "worker consumer command CHECKOUT",
      "worker producer StartWorkflow:checkout",
      "worker internal RunWorkflow:checkout",
      "worker internal RunActivity:carry",
      "worker internal step reserve",
      "worker internal step charge",
      "worker internal step ship",
      "stock server sagacart.stock.v1.StockService/BatchReserve",
      "payment server sagacart.payment.v1.PaymentService/BatchCharge",
      "shipping server sagacart.shipping.v1.ShippingService/BatchCreateShipments",
      "order server sagacart.order.v1.SagaService/BatchMove",
    ]),
  );
  for (const service of ["order", "stock", "payment", "shipping"]) {
    const statements = spans.filter((span) => span.service === service && "db.system.name" in span.attributes);
    expect(statements.length, `statements of ${service}`).toBeGreaterThan(0);
  }
  const served = spans.find(({ service, name }) => service === "order" && name === checkout);
  expect(served?.attributes).toMatchObject({ "sagacart.order.id": orderId, "rpc.status_code": "OK" });
  expect(spans.filter(({ isError }) => isError).map(inShort)).toEqual([]);
  expect(JSON.stringify(spans)).not.toContain("Springfield");
  await until(60_000, "the notifier to process the order's events", async () =>
    sink.spans.find(({ name, links }) => name === "consume notifier" && links.some((link) => link.traceId === traceId)),
  );
});

test("orders of one batch link to its trace, and it links to theirs", async () => {
  await shop.stack.kill("worker", "SIGTERM");
  const placed = await Promise.all([buy(), buy(), buy(), buy("00")]);
  await shop.stack.start("worker");
  const sampled = placed.slice(0, 3);
  await Promise.all(placed.map(({ orderId }) => untilFinal(shop.shop, orderId)));

  const commands = await until(60_000, "each order's command in the batch", async () => {
    const found = sampled.map(({ traceId }) => spansOf(traceId).find(({ name }) => name === "command CHECKOUT"));
    return found.includes(undefined) ? undefined : found.filter((span) => span !== undefined);
  });

  const batchTraceId = commands[0]?.links[0]?.traceId ?? "";
  expect(sampled.map(({ traceId }) => traceId)).not.toContain(batchTraceId);
  expect(commands.map(({ links, attributes }) => [links[0]?.traceId, attributes["sagacart.order.id"]])).toEqual(
    sampled.map(({ orderId }) => [batchTraceId, orderId]),
  );
  const batch = await whole(batchTraceId);
  const start = batch.find(({ name }) => name === "StartWorkflow:checkout");
  expect(start?.attributes["sagacart.batch.size"]).toBe(4);
  expect(start?.attributes["sagacart.batch_id"]).toBe(commands[0]?.attributes["sagacart.batch_id"]);
  const back = start?.links.map((link) => [link.traceId, link.attributes["sagacart.order.id"]]);
  expect(back?.sort()).toEqual(sampled.map(({ traceId, orderId }) => [traceId, orderId]).sort());
  expect(new Set(batch.map(({ service }) => service))).toEqual(
    new Set(["worker", "order", "stock", "payment", "shipping"]),
  );
});

test("an order whose caller does not sample its trace has no spans", async () => {
  const quiet = await buy("00", "WAIT_FOR_COMPLETED");
  const loud = await buy("01", "WAIT_FOR_COMPLETED");
  await whole(loud.traceId);

  expect(spansOf(quiet.traceId)).toEqual([]);
  const ofIt = sink.spans.filter(({ attributes }) => attributes["sagacart.order.id"] === quiet.orderId);
  expect(ofIt).toEqual([]);
});

test("a collector that refuses or never answers affects neither orders nor the shutdown of a process", async () => {
  try {
    for (const answer of [503, "silence"] as const) {
      sink.answer = answer;
      const { orderId } = await buy("01", "WAIT_FOR_COMPLETED");
      const { state } = await untilFinal(shop.shop, orderId);
      expect(state).toBe(Order_State.COMPLETED);
    }
    await shop.stack.kill("gateway", "SIGTERM");
  } finally {
    sink.answer = 200;
    await shop.stack.start("gateway");
  }
  await whole((await buy("01", "WAIT_FOR_COMPLETED")).traceId);
});
