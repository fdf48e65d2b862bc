import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport, createConnectTransport as createWebConnect } from "@connectrpc/connect-web";
import { DomainError, defineReasons, errorInfo } from "@sagacart/chassis/errors";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { ActivityService } from "@sagacart/proto/order/v1/activity_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { GetOrderRequestSchema, OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { isPublic } from "./connect.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address, { corsOrigins: ["https://shop.example"] });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const reasons = defineReasons({ ORDER_NOT_FOUND: Code.NotFound });

const transports = {
  "Connect of browsers": (baseUrl = gateway.url) => createWebConnect({ baseUrl }),
  "Connect of browsers, in binary": (baseUrl = gateway.url) => createWebConnect({ baseUrl, useBinaryFormat: true }),
  "Connect of browsers, by GET": (baseUrl = gateway.url) => createWebConnect({ baseUrl, useHttpGet: true }),
  "gRPC-Web": (baseUrl = gateway.url) => createGrpcWebTransport({ baseUrl }),
  "Connect over HTTP/2": (baseUrl = gateway.url) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  gRPC: (baseUrl = gateway.url) => createGrpcTransport({ baseUrl }),
};

describe.each(Object.entries(transports))("%s", (_name, open) => {
  test("a call goes to the service and its answer comes back", async () => {
    standIn.answer("GetOrder", ({ id }) => ({ order: { id, state: Order_State.PAID, sequence: 4n } }));
    const { order } = await createClient(OrderService, open()).getOrder({ id: "o", customerId: "c" });
    expect(order).toMatchObject({ id: "o", state: Order_State.PAID, sequence: 4n });
    expect(standIn.asked.at(-1)?.request).toEqual({ id: "o", customerId: "c" });
  });

  test("an error keeps its reason", async () => {
    standIn.answer("GetOrder", () => {
      throw new DomainError(reasons, "ORDER_NOT_FOUND", "there is no order o", { order_id: "o" });
    });
    const error = await createClient(OrderService, open()).getOrder({ id: "o" }).catch(ConnectError.from);
    expect(errorInfo(error)).toMatchObject({
      code: Code.NotFound,
      reason: "ORDER_NOT_FOUND",
      domain: "stand-in.sagacart",
      metadata: { order_id: "o" },
      message: "there is no order o",
    });
  });

  test("broken rules are violations", async () => {
    const error = await createClient(OrderService, open()).getOrder({ id: "a b" }).catch(ConnectError.from);
    expect(errorInfo(error)).toMatchObject({ code: Code.InvalidArgument, violations: [{ field: "id" }] });
  });

  test("a stream arrives message by message", async () => {
    const more = Promise.withResolvers<void>();
    standIn.answer("WatchOrder", async function* () {
      yield { order: { id: "o", sequence: 1n } };
      await more.promise;
      yield { order: { id: "o", sequence: 2n } };
    });
    const seen: bigint[] = [];
    for await (const { order } of createClient(OrderService, open()).watchOrder({ id: "o" })) {
      seen.push(order?.sequence ?? 0n);
      more.resolve();
    }
    expect(seen).toEqual([1n, 2n]);
  });

  test("a stream that a stop of the gateway ends is UNAVAILABLE, so that its caller begins it again", async () => {
    const never = Promise.withResolvers<void>();
    standIn.answer("WatchOrder", async function* () {
      yield { order: { id: "o", sequence: 1n } };
      await never.promise;
    });
    const stopping = await startTestGateway(standIn.address);
    const watching = createClient(OrderService, open(stopping.url)).watchOrder({ id: "o" })[Symbol.asyncIterator]();
    await watching.next();
    const next = watching.next().catch(ConnectError.from);
    await stopping[Symbol.asyncDispose]();
    const message = "the gateway is shutting down; try again";
    expect(errorInfo(await next)).toMatchObject({ code: Code.Unavailable, reason: "SHUTTING_DOWN", message });
    never.resolve();
  });

  test("an internal method is UNIMPLEMENTED, and reaches no service", async () => {
    const asked = standIn.asked.length;
    const calls = [
      createClient(SagaService, open()).batchBegin({}),
      createClient(CommandService, open()).claimCommands({}),
      createClient(CartService, open()).batchPutCarts({}),
      createClient(PaymentService, open()).charge({}),
      createClient(PaymentService, open()).receiveWebhook({}),
      createClient(StockService, open()).commitReservation({}),
    ];
    for (const call of calls) {
      expect(ConnectError.from(await call.catch((error) => error)).code).toBe(Code.Unimplemented);
    }
    expect(standIn.asked.length).toBe(asked);
  });
});

test("these methods are public, and no others", () => {
  const services = [
    OrderService,
    CartService,
    IncidentService,
    ActivityService,
    SagaService,
    EventService,
    CommandService,
    ProductService,
    StockService,
    AccountService,
    PaymentService,
    ShippingService,
  ];
  const internal = services.flatMap(({ methods }) =>
    methods.filter((method) => !isPublic(method)).map(({ name }) => name),
  );
  expect(internal.sort()).toEqual(
    [
      ...SagaService.methods.map(({ name }) => name),
      ...CommandService.methods.map(({ name }) => name),
      ..."BatchPutCarts BatchPutProducts BatchPutAccounts".split(" "),
      ..."BatchReserve BatchCommit BatchRelease PinReservation CommitReservation".split(" "),
      ..."BatchCharge BatchVoid Charge ReceiveWebhook".split(" "),
      ..."BatchCreateShipments CreateShipment CancelShipment RetryRecall ReceiveWebhook".split(" "),
    ].sort(),
  );
});

test.each([
  ["application/json", 200],
  ["application/json; charset=utf-8", 200],
  ["application/proto", 200],
  ["application/xml", 415],
  ["text/plain", 415],
])("a call of Connect with the content type %s is %i", async (type, status) => {
  standIn.answer("GetOrder", () => ({}));
  const url = `${gateway.url}/sagacart.order.v1.OrderService/GetOrder`;
  const body = type.includes("json")
    ? '{"id":"o"}'
    : toBinary(GetOrderRequestSchema, create(GetOrderRequestSchema, { id: "o" }));
  expect((await fetch(url, { method: "POST", headers: { "content-type": type }, body })).status).toBe(status);
});

test.each(["[", "a b", "a<b", ""])(
  "a call to the host '%s' is INVALID_ARGUMENT, and names the header",
  async (host) => {
    const socket = connect(gateway.port, "127.0.0.1");
    const head = ["content-type: application/json", "content-length: 2", "connection: close"].join("\r\n");
    socket.write(`POST /sagacart.order.v1.OrderService/GetOrder HTTP/1.1\r\nHost: ${host}\r\n${head}\r\n\r\n{}`);
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain("host");
  },
);

test("a call that is under way when the gateway stops is answered", async () => {
  const proceed = Promise.withResolvers<void>();
  standIn.answer("GetOrder", async ({ id }) => {
    await proceed.promise;
    return { order: { id } };
  });
  const before = standIn.asked.length;
  const stopping = await startTestGateway(standIn.address);
  const calls = Object.values(transports).map((open) =>
    createClient(OrderService, open(stopping.url)).getOrder({ id: "o" }),
  );
  await expect.poll(() => standIn.asked.length).toBe(before + calls.length);
  const stopped = stopping[Symbol.asyncDispose]();
  proceed.resolve();
  for (const call of calls) {
    expect((await call).order?.id).toBe("o");
  }
  await stopped;
});

test("a deadline is passed on to the service", async () => {
  let timeoutMs = 0;
  standIn.answer("GetOrder", (_request, context) => {
    timeoutMs = context.timeoutMs() ?? 0;
    return {};
  });
  await createClient(OrderService, transports["Connect of browsers"]()).getOrder({ id: "o" }, { timeoutMs: 60_000 });
  expect(timeoutMs).toBeGreaterThan(30_000);
  expect(timeoutMs).toBeLessThanOrEqual(60_000);
});

test("a service's address is not shown", async () => {
  await using alone = await startTestGateway("127.0.0.1:1");
  const transport = createWebConnect({ baseUrl: alone.url });
  const error = await createClient(OrderService, transport).getOrder({ id: "o" }).catch(ConnectError.from);
  expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: "a service cannot be reached; try again" });
});

test("only pages from the configured origins may call", async () => {
  const preflight = (origin: string) =>
    fetch(`${gateway.url}/sagacart.order.v1.OrderService/Checkout`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,connect-protocol-version,idempotency-key",
      },
    });
  const allowed = await preflight("https://shop.example");
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  expect(allowed.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("connect-protocol-version");
  expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).not.toBe(
    "https://evil.example",
  );
});
