import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { authReasons } from "@sagacart/chassis/auth/reasons";
import { createServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { DomainError, errorInfo } from "@sagacart/chassis/errors";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { silentLog } from "@sagacart/chassis/testing/log";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let standIn: StandIn;
let gateway: TestGateway;
let expired: string;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  standIn = cleanup.use(await startStandIn());
  const tokens = createServiceTokens({
    tokenUrl: issuer.tokenUrl,
    clientId: "gateway",
    clientSecret: "gateway-secret",
    audience: "sagacart",
    log: silentLog,
  });
  gateway = cleanup.use(await startTestGateway(standIn.address, { verifier: issuer.verifier(), tokens }));
  expired = await issuer.bearer("ada", ["customer"], { expiresInS: -1 });
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  standIn.asked.length = 0;
});

test("a request's token is passed on to the service, over REST and gRPC", async () => {
  const authorization = await issuer.bearer("ada", ["customer"]);
  await gateway.send("GET /v1/orders/o-1", { headers: { authorization } });
  const orders = createClient(OrderService, createGrpcTransport({ baseUrl: gateway.url }));
  await orders.getOrder({ id: "o-1" }, { headers: { authorization } });
  expect(standIn.asked.map(({ header }) => header.get("authorization"))).toEqual([authorization, authorization]);
});

test("a request without a token is refused before anything else is done for it", async () => {
  const missing = await gateway.send("POST /v1/orders", { body: "{" });
  expect([missing.status, missing.body.reason]).toEqual([401, "TOKEN_MISSING"]);
  expect(missing.headers.get("www-authenticate")).toBe('Bearer realm="sagacart"');
  const orders = createClient(OrderService, createGrpcTransport({ baseUrl: gateway.url }));
  const call = orders.getOrder({ id: "o-1" });
  expect(errorInfo(await call.catch((error) => error))).toMatchObject({ reason: "TOKEN_MISSING" });
  expect(standIn.asked).toEqual([]);
});

test("an open method gets no token if the request has none, and never the gateway's", async () => {
  await gateway.send("GET /v1/products/lamp");
  await createClient(ProductService, createGrpcTransport({ baseUrl: gateway.url })).getProduct({ id: "lamp" });
  expect(standIn.asked.map(({ header }) => header.get("authorization"))).toEqual([null, null]);
});

test("a bad token is refused by the gateway, with the reason", async () => {
  const bad = [
    [expired, "TOKEN_EXPIRED"],
    [await issuer.bearer("ada", ["operator"], { forged: true }), "TOKEN_INVALID"],
    [issuer.unsigned("ada", ["operator"]), "TOKEN_INVALID"],
    ["Basic YTpi", "TOKEN_INVALID"],
  ] as const;
  for (const [authorization, reason] of bad) {
    const { status, headers, body } = await gateway.send("GET /v1/orders/o-1", { headers: { authorization } });
    expect({ status, type: headers.get("content-type") }).toEqual({
      status: 401,
      type: "application/problem+json; charset=utf-8",
    });
    expect(body).toMatchObject({ title: "UNAUTHENTICATED", reason, status: 401 });
    expect(headers.get("www-authenticate")).toMatch(/^Bearer realm="sagacart", error="invalid_token", error_desc/);
  }
  expect(standIn.asked).toEqual([]);
});

test("over gRPC, a bad token is refused with a gRPC status", async () => {
  const orders = createClient(OrderService, createGrpcTransport({ baseUrl: gateway.url }));
  const call = orders.getOrder({ id: "o-1" }, { headers: { authorization: expired } });
  expect(errorInfo(await call.catch((error) => error))).toMatchObject({
    code: Code.Unauthenticated,
    reason: "TOKEN_EXPIRED",
    domain: "gateway.sagacart",
  });
  expect(standIn.asked).toEqual([]);
});

test("open methods are served whatever the token", async () => {
  const { status } = await gateway.send("GET /v1/products/lamp", { headers: { authorization: expired } });
  const products = createClient(ProductService, createGrpcTransport({ baseUrl: gateway.url }));
  await products.getProduct({ id: "lamp" }, { headers: { authorization: expired } });
  expect(status).toBe(200);
  expect(standIn.asked.map(({ rpc }) => rpc)).toEqual(["GetProduct", "GetProduct"]);
});

test("a provider's webhook goes on with the gateway's own token, whatever the request brings", async () => {
  const authorization = await issuer.bearer("ada", ["customer"]);
  await gateway.send("POST /v1/provider-webhooks/card", { body: {}, headers: { authorization } });
  const verifier = issuer.verifier();
  const callers = await Promise.all(
    standIn.asked.map(async ({ rpc, header }) => {
      const token = header.get("authorization")?.slice("Bearer ".length) ?? "";
      return [rpc, (await verifier.verify(token)).subject];
    }),
  );
  expect(callers).toEqual([["ReceiveWebhook", "service:gateway"]]);
});

test.each(["service:worker", "service:gateway", "someone"])(
  "a token of the program %s is refused on every kind of route, and nothing is passed on",
  async (subject) => {
    const authorization = await issuer.bearer(subject, ["service", "operator"]);
    const routes = [
      "GET /v1/orders/o-1",
      "GET /v1/products/lamp",
      "POST /v1/sessions",
      "GET /v1/events:subscribe",
      "POST /v1/provider-webhooks/card",
      "GET /openapi.json",
      "GET /docs",
      "GET /health",
      "GET /oidc/userinfo",
      "GET /.well-known/openid-configuration",
      "GET /payment/find_user/ada",
      "POST /api/v1/login",
      "GET /nowhere",
    ];
    for (const route of routes) {
      const { status, body } = await gateway.send(route, { headers: { authorization } });
      expect([route, status, body.reason]).toEqual([route, 403, "PEOPLE_ONLY"]);
    }
    for (const transport of [
      createGrpcTransport({ baseUrl: gateway.url }),
      createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
      createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: "1.1" }),
    ]) {
      const orders = createClient(OrderService, transport).getOrder({ id: "o-1" }, { headers: { authorization } });
      const products = createClient(ProductService, transport).getProduct({ id: "a" }, { headers: { authorization } });
      for (const call of [orders, products]) {
        expect(errorInfo(await call.catch((error) => error))).toMatchObject({
          code: Code.PermissionDenied,
          reason: "PEOPLE_ONLY",
          domain: "gateway.sagacart",
        });
      }
    }
    expect(standIn.asked).toEqual([]);
  },
);

test("a refusal by a service names the missing scope", async () => {
  const headers = { authorization: await issuer.bearer("ada", ["customer"]) };
  standIn.answer("GetOrder", () => {
    throw new DomainError(authReasons, "ROLE_REQUIRED", 'GetOrder needs "support" – so');
  });
  const forbidden = await gateway.send("GET /v1/orders/o-1", { headers });
  expect(forbidden.status).toBe(403);
  expect(forbidden.headers.get("www-authenticate")).toBe(
    `Bearer realm="sagacart", error="insufficient_scope", error_description="GetOrder needs 'support' ? so"`,
  );

  standIn.answer("GetOrder", () => {
    throw new ConnectError("there is no order o-1", Code.NotFound);
  });
  expect((await gateway.send("GET /v1/orders/o-1", { headers })).headers.has("www-authenticate")).toBe(false);
});

test("the OpenAPI document says who may call each method", async () => {
  const { body } = await gateway.send("GET /openapi.json");
  expect(body.components.securitySchemes.token).toMatchObject({ type: "http", scheme: "bearer" });
  const read = body.paths["/v1/orders/{id}"].get;
  expect(read.security).toEqual([{ token: [] }, { signIn: ["openid"] }]);
  expect(read.description).toMatch(/For customers \(what is their own\), support, operators\.$/);
  expect(Object.keys(read.responses)).toEqual(expect.arrayContaining(["401", "403", "404"]));
  expect(body.paths["/v1/products/{id}"].get.security).toEqual([]);
});
