import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { startUpstream, type Upstream } from "../testing/upstream.ts";

const cleanup = new AsyncDisposableStack();
let surfaces: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  surfaces = cleanup.use(await startUpstream());
  // No services are behind this gateway: nothing here needs them.
  gateway = cleanup.use(await startTestGateway("127.0.0.1:1", { surfacesUrl: surfaces.url, bodyLimitBytes: 100_000 }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  surfaces.received.length = 0;
  surfaces.answer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
});

/** One request at least to each prefix. */
const requests = [
  "POST /payment/create_user",
  "GET /payment/find_user/a%2Fb?x=%20y",
  "POST /stock/item/create/5",
  "DELETE /stock/item/create/5",
  "POST /orders/checkout/1",
  "POST /submit/4",
  "POST /hello",
  "GET /api/products",
  "POST /api/cart/u/items",
  "POST /api/orders",
  "GET /api/inventory/p",
  "POST /api/payments",
  "POST /api/v1/login",
  "GET /api/v1/users/u",
  "GET /api/v1/users",
  "PUT /api/v1/products/p",
  "GET /openapi/wdm.json",
];

test.each(requests)("%s is passed on to the surfaces unchanged", async (request) => {
  expect((await gateway.send(request)).status).toBe(200);
  expect(surfaces.received.map(({ line }) => line)).toEqual([request]);
});

test("without SURFACES_URL, their paths are 404 as any unknown path is", async () => {
  await using alone = await startTestGateway("127.0.0.1:1");

  for (const request of requests) {
    const { status, headers, body } = await alone.send(request);
    expect({ request, status, type: headers.get("content-type") }).toEqual({
      request,
      status: 404,
      type: "application/problem+json; charset=utf-8",
    });
    expect(body.reason).toBe("ROUTE_NOT_FOUND");
  }
  const page = await alone.send("GET /docs/static/swagger-initializer.js");
  expect(page.body).not.toContain("/openapi/");
});

test("while the surfaces are away, the answer is a 503 problem that says so", async () => {
  await using alone = await startTestGateway("127.0.0.1:1", { surfacesUrl: "http://127.0.0.1:1" });

  const { status, headers, body } = await alone.send("GET /api/products");

  expect([status, headers.get("content-type"), headers.get("retry-after")]).toEqual([
    503,
    "application/problem+json; charset=utf-8",
    "1",
  ]);
  expect(body).toMatchObject({
    reason: "SURFACES_UNAVAILABLE",
    detail: "the surfaces process, which serves this path, cannot be reached; try again",
  });
});

test("the body and the headers go along; the request id, the trace and the caller's address are the gateway's", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const body = '{"userId":"u", "items":[]}';
  await gateway.send("POST /api/v1/orders", {
    body,
    headers: {
      authorization: "Bearer t",
      "idempotency-key": "k",
      "content-type": "application/json; charset=utf-8",
      "x-request-id": "shop-17",
      "x-forwarded-for": "6.6.6.6",
      "x-client-address": "6.6.6.6",
      traceparent,
    },
  });

  const [received] = surfaces.received;
  expect(received).toMatchObject({
    line: "POST /api/v1/orders",
    body,
    headers: {
      authorization: "Bearer t",
      "idempotency-key": "k",
      "content-type": "application/json; charset=utf-8",
      "content-length": String(body.length),
      "x-request-id": "shop-17",
      "x-forwarded-for": "127.0.0.1",
      traceparent,
    },
  });
  expect(JSON.stringify(received?.headers)).not.toContain("6.6.6.6");
});

test("the status, the headers and the body of the answer are returned unchanged", async () => {
  surfaces.answer((_request, response) => {
    response
      .writeHead(409, {
        "content-type": "application/problem+json; charset=utf-8",
        "idempotency-replayed": "true",
        location: "/api/orders/o",
        link: '</api/v1/products?cursor=a>; rel="next"',
      })
      .end('{"reason":"ORDER_PAID"}');
  });

  const { status, headers, body } = await gateway.send("POST /api/v1/orders/o/pay", { body: {} });

  expect([status, body]).toEqual([409, { reason: "ORDER_PAID" }]);
  expect(headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  expect(headers.get("idempotency-replayed")).toBe("true");
  expect(headers.get("location")).toBe("/api/orders/o");
  expect(headers.get("link")).toBe('</api/v1/products?cursor=a>; rel="next"');
});

test("a 503 is not retried", async () => {
  surfaces.answer((_request, response) => {
    response.writeHead(503, { "retry-after": "1" }).end();
  });

  expect((await gateway.send("GET /api/v1/orders/o")).status).toBe(503);
  expect(surfaces.received).toHaveLength(1);
});

test("HEAD has the headers and no body", async () => {
  surfaces.answer((_request, response) => {
    response.writeHead(200, { "content-length": "7" }).end();
  });

  const answer = await fetch(`${gateway.url}/api/products`, { method: "HEAD" });

  expect([answer.status, answer.headers.get("content-length"), await answer.text()]).toEqual([200, "7", ""]);
});

test("a body that is too large is 413 here, over HTTP/1.1 and HTTP/2, and is not passed on", async () => {
  const body = "a".repeat(1_000_000);

  const { status, body: problem } = await gateway.send("POST /api/orders", { body });
  const session = connectHttp2(gateway.url);
  const stream = session.request({ ":method": "POST", ":path": "/api/orders", "content-type": "application/json" });
  stream.end(body);
  const [headers] = await once(stream, "response");
  stream.resume();
  await once(stream, "close");
  session.close();

  expect([status, problem.reason, headers[":status"]]).toEqual([413, "BODY_TOO_LARGE", 413]);
  expect(surfaces.received).toEqual([]);
});

test("a request over HTTP/2 is passed on, too", async () => {
  const session = connectHttp2(gateway.url);
  const stream = session.request({ ":method": "POST", ":path": "/hello", "x-shop": "a" });
  stream.end();
  const [headers] = await once(stream, "response");
  expect([headers[":status"], await text(stream)]).toEqual([200, "{}"]);
  session.close();
  expect(surfaces.received).toMatchObject([{ line: "POST /hello", headers: { "x-shop": "a" } }]);
});

test("a caller who disconnects cancels the request behind", async () => {
  const left = Promise.withResolvers<void>();
  const came = Promise.withResolvers<void>();
  surfaces.answer((_request, response) => {
    response.once("close", () => left.resolve());
    came.resolve();
  });
  const leaving = new AbortController();

  const answer = fetch(`${gateway.url}/orders/checkout/1`, { method: "POST", signal: leaving.signal });
  await came.promise;
  leaving.abort();

  await expect(answer).rejects.toThrow();
  await left.promise;
});

test("the page that lists the documents names those of the surfaces", async () => {
  const { body } = await gateway.send("GET /docs/static/swagger-initializer.js");
  expect(body).toContain('"urls":[{"name":"/v1","url":"/openapi.json"},{"name":"WDM","url":"/openapi/wdm.json"}');
});
