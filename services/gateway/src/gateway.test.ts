import { once } from "node:events";
import { request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "./testing/gateway.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  // All callers of these tests are at one address.
  gateway = await startTestGateway(standIn.address, {
    connectionLimits: { ...publicConnections, connectionsPerAddress: 0 },
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const key = { "idempotency-key": "k" };

describe("bad input is a typed 4xx that names what is wrong", () => {
  test.each([
    ["a path that is nowhere", "GET /v1/nothing", {}, 404, "ROUTE_NOT_FOUND", "/v1/nothing"],
    ["a verb that is nowhere", "POST /v1/orders/1:frobnicate", {}, 404, "ROUTE_NOT_FOUND", "frobnicate"],
    ["a method the path is not there for", "PUT /v1/products", {}, 405, "METHOD_NOT_ALLOWED", "GET"],
    ["an escape that is none", "GET /v1/orders/%zz", {}, 400, "MALFORMED_REQUEST", "%"],
    ["an id longer than any", `GET /v1/orders/${"a".repeat(2_000)}`, {}, 404, "ROUTE_NOT_FOUND", "longer"],
    [
      "headers beyond measure",
      "GET /v1/orders",
      { headers: { "x-big": "a".repeat(20_000) } },
      431,
      "HEADERS_TOO_LARGE",
      "16 KiB",
    ],
    ["malformed JSON", "POST /v1/orders", { body: '{"customerId', headers: key }, 400, "MALFORMED_JSON", "JSON"],
    [
      "a body that is not UTF-8",
      "POST /v1/orders",
      { body: "\ud800".repeat(2), headers: key },
      400,
      "MALFORMED_JSON",
      "JSON",
    ],
    ["a body that is no object", "POST /v1/orders", { body: "[1]", headers: key }, 400, "INVALID_REQUEST", "object"],
    [
      "a body of another type",
      "POST /v1/orders",
      { body: "a=b", headers: { ...key, "content-type": "application/x-www-form-urlencoded" } },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      "application/json",
    ],
    ["a body where none belongs", "DELETE /v1/carts/1", { body: {} }, 400, "MALFORMED_REQUEST", "takes no body"],
    ["no Idempotency-Key", "POST /v1/orders", { body: {} }, 400, "IDEMPOTENCY_KEY_REQUIRED", "Idempotency-Key"],
    [
      "an Idempotency-Key with spaces",
      "POST /v1/orders",
      { body: {}, headers: { "idempotency-key": "a b" } },
      400,
      "INVALID_REQUEST",
      "Idempotency-Key",
    ],
    [
      "an unknown field",
      "POST /v1/orders",
      { body: { customerID: "a" }, headers: key },
      400,
      "INVALID_REQUEST",
      "customerID: there is no such field",
    ],
    [
      "an unknown field inside",
      "POST /v1/orders",
      { body: { lines: [{ sku: "a" }] }, headers: key },
      400,
      "INVALID_REQUEST",
      "lines[0].sku: there is no such field",
    ],
    [
      "a text where a number belongs",
      "POST /v1/orders",
      { body: { lines: [{ productId: "a", quantity: "many" }] }, headers: key },
      400,
      "INVALID_REQUEST",
      "lines[0].quantity: must be a whole number",
    ],
    [
      "a number beyond 32 bits",
      "POST /v1/carts/1/items",
      { body: { productId: "a", quantity: 3e9 }, headers: key },
      400,
      "INVALID_REQUEST",
      "quantity: must be a whole number of 32 bits",
    ],
    [
      "a fraction where a whole number belongs",
      "POST /v1/carts/1/items",
      { body: { productId: "a", quantity: 1.5 }, headers: key },
      400,
      "INVALID_REQUEST",
      "quantity",
    ],
    [
      "an object where a text belongs",
      "POST /v1/orders",
      { body: { customerId: {} }, headers: key },
      400,
      "INVALID_REQUEST",
      "customerId: must be a text, not {}",
    ],
    [
      "a word that the enum does not have",
      "POST /v1/orders",
      { body: { waitFor: "SOON" }, headers: key },
      400,
      "INVALID_REQUEST",
      "waitFor: must be one of WAIT_FOR_ACCEPTED",
    ],
    [
      "a span that is none",
      "POST /v1/orders",
      { body: { waitAtMost: "soon" }, headers: key },
      400,
      "INVALID_REQUEST",
      "waitAtMost: must be a span",
    ],
    [
      "a negative number",
      "POST /v1/orders",
      { body: { customerId: "a", lines: [{ productId: "a", quantity: -1 }] }, headers: key },
      400,
      "INVALID_ARGUMENT",
      "lines[0].quantity",
    ],
    ["an id with a space", "GET /v1/orders/a%20b", {}, 400, "INVALID_ARGUMENT", "id"],
    [
      "a currency that is none",
      "POST /v1/payments",
      { body: { customerId: "a", amount: { currencyCode: "dollars", minorUnits: "1" } }, headers: key },
      400,
      "INVALID_ARGUMENT",
      "amount.currencyCode",
    ],
    [
      "an amount beyond 64 bits",
      "POST /v1/payments",
      { body: { customerId: "a", amount: { currencyCode: "USD", minorUnits: "99999999999999999999" } }, headers: key },
      400,
      "INVALID_REQUEST",
      "amount.minorUnits: must be a whole number of 64 bits",
    ],
    [
      "an unknown query parameter",
      "GET /v1/products?page=2",
      {},
      400,
      "INVALID_REQUEST",
      "page: there is no such query parameter",
    ],
    [
      "a query parameter twice",
      "GET /v1/products?pageSize=2&pageSize=3",
      {},
      400,
      "INVALID_REQUEST",
      "pageSize: may be given once",
    ],
    [
      "a text in a number's parameter",
      "GET /v1/products?pageSize=two",
      {},
      400,
      "INVALID_REQUEST",
      "pageSize: must be a whole number of 32 bits",
    ],
    ["a negative page size", "GET /v1/products?pageSize=-1", {}, 400, "INVALID_ARGUMENT", "pageSize"],
    ["a webhook of nobody", "POST /v1/provider-webhooks/nobody", { body: {} }, 404, "PROVIDER_NOT_FOUND", "nobody"],
  ])("%s", async (_what, sent, options, status, reason, named) => {
    const asked = standIn.asked.length;
    const answer = await gateway.send(sent, options);
    expect(answer.body).toMatchObject({ status, reason });
    expect(answer.body.detail).toContain(named);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(standIn.asked.length).toBe(asked);
  });

  test("a body of 10 MB is 413, over HTTP/1.1 with and without its length, and over HTTP/2", async () => {
    const body = "a".repeat(10_000_000);
    expect((await gateway.send("POST /v1/orders", { body, headers: key })).body).toMatchObject({
      status: 413,
      reason: "BODY_TOO_LARGE",
    });
    expect(await sendChunked(body)).toBe(413);
    expect(await sendHttp2(body)).toBe(413);
  });

  test("bytes that are not HTTP are answered with 400, and the connection is closed", async () => {
    const socket = connect(gateway.port, "127.0.0.1");
    socket.end("GIVE ME\r\n\r\n");
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain("MALFORMED_REQUEST");
  });
});

describe("request ids", () => {
  test("each answer has one, and so do the calls to the services", async () => {
    const made = await gateway.send("GET /v1/orders/1");
    expect(made.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(standIn.asked.at(-1)?.header.get("x-request-id")).toBe(made.headers.get("x-request-id"));
  });

  test("the caller's own id is used if it is valid, in problems too", async () => {
    const headers = { "x-request-id": "shop-17" };
    const answer = await gateway.send("GET /v1/nothing", { headers });
    expect(answer.headers.get("x-request-id")).toBe("shop-17");
    expect(answer.body.requestId).toBe("shop-17");
    const strange = await gateway.send("GET /v1/nothing", { headers: { "x-request-id": "a b; c" } });
    expect(strange.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("the caller's trace is passed on to the services", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await gateway.send("GET /v1/orders/1", { headers: { traceparent } });
    expect(standIn.asked.at(-1)?.header.get("traceparent")).toBe(traceparent);
  });
});

describe("one port", () => {
  test("speaks cleartext HTTP/2 to clients that begin with its preface, however it is split", async () => {
    const session = connectHttp2(gateway.url, {
      createConnection() {
        const socket = connect(gateway.port, "127.0.0.1");
        const write = socket.write.bind(socket);
        let first = true;
        socket.write = ((chunk: Buffer, ...rest: never[]) => {
          if (!first) {
            return write(chunk, ...rest);
          }
          first = false;
          write(chunk.subarray(0, 3));
          setImmediate(() => write(chunk.subarray(3), ...rest));
          return true;
        }) as typeof socket.write;
        return socket;
      },
    });
    const stream = session.request({ ":path": "/health" });
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(200);
    expect(await text(stream)).toBe('{"status":"alive"}');
    session.close();
  });

  test("speaks HTTP/1.1 to a client that sends its first line byte by byte", async () => {
    const socket = connect(gateway.port, "127.0.0.1");
    socket.setNoDelay(true);
    for (const letter of "GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n") {
      socket.write(letter);
      await new Promise(setImmediate);
    }
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test("a thousand connections at once are all answered", async () => {
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => sendOnItsOwn()));
    expect(new Set(answers)).toEqual(new Set([200]));
  });
});

describe("probes", () => {
  test("alive, ready while the services are, and metrics", async () => {
    expect((await gateway.send("GET /health")).body).toEqual({ status: "alive" });
    await expect.poll(async () => (await gateway.send("GET /ready")).status).toBe(200);
    expect((await gateway.send("GET /ready")).body.services).toEqual({
      order: true,
      stock: true,
      payment: true,
      shipping: true,
      notifier: true,
      identity: true,
    });
    const metrics = async () => (await gateway.send("GET /metrics")).body;
    // This request is the one under way. Those before end when their connection has taken the whole answer.
    await expect.poll(metrics).toMatch(/^http_server_in_flight(\{[^}]*\})? 1$/m);
    expect(await metrics()).toMatch(
      /^http_server_duration_seconds_count\{.*surface="probes",method="GET",route="\/ready",status="200"/m,
    );
  });

  test("a request without a route is measured as `other`", async () => {
    await gateway.send("GET /nothing-here");
    await expect
      .poll(async () => (await gateway.send("GET /metrics")).body)
      .toMatch(/^http_server_duration_seconds_count\{.*surface="other",method="GET",route="none",status="404"/m);
  });

  test("not ready when the services are away", async () => {
    await using alone = await startTestGateway("127.0.0.1:1");
    const answer = await alone.send("GET /ready");
    expect(answer.status).toBe(503);
    expect(answer.body.services.order).toBe(false);
  });
});

describe("readiness while one service is away", () => {
  test.each([
    ["order", 503],
    ["stock", 200],
    ["payment", 200],
    ["shipping", 200],
    ["notifier", 200],
    ["identity", 200],
  ] as const)("%s: %i, and orders are read while order serves", async (name, status) => {
    standIn.answer("GetOrder", () => ({ order: { id: "o" } }));
    await using partial = await startTestGateway(standIn.address, { addresses: { [name]: "127.0.0.1:1" } });
    const others = ["order", "stock", "payment", "shipping", "notifier", "identity"].filter((other) => other !== name);
    const ready = () => partial.send("GET /ready");

    // Asked all of them at least once, and answered for all of them.
    await expect
      .poll(async () => (await ready()).body.services)
      .toEqual({ ...Object.fromEntries(others.map((other) => [other, true])), [name]: false });
    await expect.poll(async () => (await ready()).status).toBe(status);
    if (name !== "order") {
      expect((await partial.send("GET /v1/orders/o")).status).toBe(200);
    }
  });
});

test("closing waits for requests in flight", async () => {
  await using closing = await startTestGateway(standIn.address);
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  standIn.answer("GetCart", async () => {
    entered.resolve();
    await leave.promise;
    return { cart: { id: "c" } };
  });
  const answer = closing.send("GET /v1/carts/c");
  await entered.promise;
  const closed = closing.app.close();
  leave.resolve();
  expect((await answer).body.cart.id).toBe("c");
  expect((await answer).headers.get("connection")).toBe("close");
  await closed;
});

async function sendChunked(body: string): Promise<number | undefined> {
  const sent = request(`${gateway.url}/v1/orders`, { method: "POST", headers: { "content-type": "application/json" } });
  sent.on("error", () => {});
  sent.write(body.slice(0, 2_000_000));
  const [answer] = await once(sent, "response");
  answer.resume();
  sent.destroy();
  return answer.statusCode;
}

async function sendHttp2(body: string): Promise<unknown> {
  const session = connectHttp2(gateway.url);
  const stream = session.request({ ":method": "POST", ":path": "/v1/orders", "content-type": "application/json" });
  stream.end(body);
  const [headers] = await once(stream, "response");
  stream.resume();
  await once(stream, "close");
  session.close();
  return headers[":status"];
}

async function sendOnItsOwn(): Promise<number | undefined> {
  const sent = request(`${gateway.url}/health`, { agent: false });
  sent.end();
  const [answer] = await once(sent, "response");
  answer.resume();
  return answer.statusCode;
}

test("closing does not wait for connections that send nothing", async () => {
  await using closing = await startTestGateway(standIn.address);
  const socket = connect(closing.port, "127.0.0.1");
  await once(socket, "connect");
  const session = connectHttp2(closing.url);
  await once(session, "connect");
  await closing.app.close();
  session.destroy();
});
