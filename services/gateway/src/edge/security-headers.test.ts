import { once } from "node:events";
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { startIssuer } from "@sagacart/chassis/testing/issuer";
import { silentLog } from "@sagacart/chassis/testing/log";
import {
  expectSecurityHeaders,
  get,
  type HeaderCase,
  type HeaderTarget,
  securityHeaderTests,
} from "@sagacart/chassis/testing/security-header-tests";
import { openTls } from "@sagacart/chassis/tls/files";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { startUpstream } from "../testing/upstream.ts";

const cleanup = new AsyncDisposableStack();
const authority = await createAuthority();
const issuer = cleanup.use(await startIssuer());
const authorization = `Authorization: ${await issuer.bearer("ada", ["customer"])}\r\n`;
const gateways = new Map<"plain" | "secure", TestGateway>();

beforeAll(async () => {
  const [standIn, behind] = [cleanup.use(await startStandIn()), cleanup.use(await startUpstream())];
  standIn.answer("WatchOrder", async function* () {
    yield { order: { id: "o" } };
  });
  const folder = cleanup.use(await createSecretFolder(await secretOf(authority, "localhost")));
  const tls = openTls({
    config: {
      ...{ TLS_CERT_FILE: folder.path("tls.crt"), TLS_KEY_FILE: folder.path("tls.key"), TLS_CA_FILE: undefined },
      TLS_CLIENT_AUTH: "none",
    },
    log: silentLog,
  });
  const options = {
    verifier: issuer.verifier(),
    surfacesUrl: behind.url,
    identityUrl: behind.url,
    corsOrigins: ["https://shop.example"],
    limits: { writesPerMinute: 1_000, signInsPerMinute: 1 },
    connectionLimits: { ...publicConnections, requestTimeoutMs: 1_000 },
  };
  gateways.set("plain", cleanup.use(await startTestGateway(standIn.address, options)));
  // Its channels are plain: the stand-in is.
  gateways.set("secure", cleanup.use(await startTestGateway(standIn.address, { ...options, serveTls: tls })));
});
afterAll(() => cleanup.disposeAsync());

const json = "Content-Type: application/json\r\n";
const body = (text: string) => `Content-Length: ${text.length}\r\n`;

const cases: readonly HeaderCase[] = [
  ["data", get("/v1/products/lamp"), 200],
  ["a HEAD", get("/v1/products/lamp", "", "HEAD"), 200],
  ["a probe", get("/health"), 200],
  ["metrics", get("/metrics"), 200],
  ["the API's document", get("/openapi.json"), 200],
  ["the page of the API", get("/docs"), 200],
  ["the way to that page", get("/docs/static/index.html"), 302],
  ["a script of that page", get("/docs/static/swagger-ui-bundle.js"), 200],
  ["the page where its sign-in ends", get("/docs/static/oauth2-redirect.html"), 200],
  ["an event stream", get("/v1/orders/o:watch", `Accept: text/event-stream\r\n${authorization}`), 200],
  [
    "a preflight",
    get("/v1/orders", "Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n", "OPTIONS"),
    204,
  ],
  [
    "a preflight of another origin",
    get("/v1/orders", "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n", "OPTIONS"),
    0,
  ],
  ["an unsubscribe link", get("/unsubscribe?token=a"), 0],
  ["an upgrade to a websocket", get("/health", "Upgrade: websocket\r\nConnection: Upgrade\r\n"), 0],
  ["an upgrade to HTTP/2", get("/health", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), 0],
  ["a path that is nowhere", get("/nowhere"), 404],
  ["a path of the surfaces", get("/payment/create_user", "Content-Length: 0\r\n", "POST"), 200],
  ["a path of identity", get("/oidc/jwks"), 200],
  ["another method", get("/health", "", "DELETE"), 405],
  ["a trace", get("/health", "", "TRACE"), 404],
  ["no token", get("/v1/orders/o-1"), 401],
  ["a bad token", get("/v1/orders/o-1", "Authorization: Bearer bad\r\n"), 401],
  ["a body that is too large", get("/v1/guest-carts", `${json}Content-Length: 70000\r\n`, "POST"), 413],
  ["a body of another type", get("/v1/guest-carts", `Content-Type: text/plain\r\n${body("a")}`, "POST", "a"), 415],
  ["a body that is no JSON", get("/v1/guest-carts", `${json}${body("{")}`, "POST", "{"), 400],
  ["a path that cannot be decoded", get("/v1/products/%zz"), 400],
  ["a part of a path that is too long", get(`/v1/products/${"a".repeat(1_001)}`), 404],
  // The one of a minute.
  ["a sign-in", get("/v1/sessions", `${json}${body("{}")}`, "POST", "{}"), 0],
  ["a sign-in too many", get("/v1/sessions", `${json}${body("{}")}`, "POST", "{}"), 429],
  [
    "a Connect call too many",
    get("/sagacart.identity.v1.IdentityService/SignIn", `${json}${body("{}")}`, "POST", "{}"),
    429,
  ],
  ["a Connect call", get("/sagacart.stock.v1.ProductService/ListProducts", `${json}${body("{}")}`, "POST", "{}"), 200],
  [
    "a Connect call that is not served",
    get("/sagacart.stock.v1.ProductService/No", `${json}${body("{}")}`, "POST", "{}"),
    404,
  ],
  ["a Connect call with another method", get("/sagacart.stock.v1.ProductService/ListProducts", "", "PUT"), 405],
  [
    "gRPC over HTTP/1.1",
    get("/sagacart.stock.v1.ProductService/No", "Content-Type: application/grpc\r\nContent-Length: 0\r\n", "POST"),
    200,
  ],
  [
    "gRPC-Web",
    get(
      "/sagacart.stock.v1.ProductService/ListProducts",
      "Content-Type: application/grpc-web+proto\r\nContent-Length: 5\r\n",
      "POST",
      "\0\0\0\0\0",
    ),
    200,
  ],
  ["a webhook of nobody", get("/v1/provider-webhooks/nobody", `${json}${body("{}")}`, "POST", "{}"), 404],
  [
    "half a request, when its time is over",
    `POST /v1/guest-carts HTTP/1.1\r\nHost: here\r\n${json}Content-Length: 9\r\n\r\nhalf`,
    408,
  ],
];

describe.each(["plain", "secure"] as const)("over HTTP/1.1, %s:", (name) => {
  securityHeaderTests((): HeaderTarget => {
    const { port } = gatewayOf(name);
    return name === "plain" ? { port } : { port, ca: authority.cert };
  }, cases);
});

const grpc = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
const product = "/sagacart.stock.v1.ProductService";

describe.each(["plain", "secure"] as const)("over HTTP/2, %s:", (name) => {
  test.each<[string, OutgoingHttpHeaders, number, string?]>([
    ["data", { ":path": "/v1/products/lamp" }, 200],
    ["a path that is nowhere", { ":path": "/nowhere" }, 404],
    ["another method", { ":path": "/health", ":method": "DELETE" }, 405],
    ["no token", { ":path": "/v1/orders/o-1" }, 401],
    ["a path that cannot be decoded", { ":path": "/v1/products/%zz" }, 400],
    ["a part of a path that is too long", { ":path": `/v1/products/${"a".repeat(1_001)}` }, 404],
    ["an expectation that is not met", { ":path": "/health", expect: "tea" }, 417],
    ["a tunnel", { ":method": "CONNECT", ":authority": "mail.example:25" }, 405],
    [
      "a sign-in",
      { ":path": "/v1/sessions", ":method": "POST", "content-type": "application/json" },
      0,
      "{}",
    ],
    [
      "a sign-in too many",
      { ":path": "/v1/sessions", ":method": "POST", "content-type": "application/json" },
      429,
      "{}",
    ],
    [
      "a body that is too large",
      { ":path": "/v1/guest-carts", ":method": "POST", "content-type": "application/json", "content-length": 70_000 },
      413,
    ],
    ["a path of identity", { ":path": "/oidc/jwks" }, 200],
    ["a gRPC call", { ...grpc, ":path": `${product}/ListProducts` }, 200, "\0\0\0\0\0"],
    ["a gRPC method that there is not", { ...grpc, ":path": `${product}/No` }, 200, "\0\0\0\0\0"],
    ["an internal gRPC method", { ...grpc, ":path": "/sagacart.order.v1.SagaService/BatchBegin" }, 200, "\0\0\0\0\0"],
    [
      "a gRPC call without a token",
      { ...grpc, ":path": "/sagacart.order.v1.OrderService/GetOrder" },
      200,
      "\0\0\0\0\0",
    ],
    ["a gRPC call too many", { ...grpc, ":path": "/sagacart.identity.v1.IdentityService/SignIn" }, 200, "\0\0\0\0\0"],
    ["a gRPC call with no message", { ...grpc, ":path": `${product}/ListProducts` }, 200, ""],
    [
      "a Connect call without a token",
      { ":path": "/sagacart.order.v1.OrderService/GetOrder", ":method": "POST", "content-type": "application/json" },
      401,
      "{}",
    ],
    [
      "a call of another type",
      { ":path": `${product}/ListProducts`, ":method": "POST", "content-type": "text/plain" },
      415,
      "a",
    ],
    [
      "half a request, when its time is over",
      { ":path": "/v1/guest-carts", ":method": "POST", "content-type": "application/json" },
      408,
      "{",
    ],
    ["half a gRPC call, when its time is over", { ...grpc, ":path": `${product}/ListProducts` }, 200, "\0"],
  ])("the answer to %s has all security headers", async (what, headers, status, text) => {
    const session = connect(urlOf(gatewayOf(name)), { ca: authority.cert });
    const stream = session.request(headers);
    stream.on("error", () => {});
    const answered = once(stream, "response");
    if (headers["content-length"] !== undefined) {
      // Announced, and never sent.
    } else if (text === undefined) {
      stream.end();
    } else {
      stream.write(text);
      if (!what.startsWith("half")) {
        stream.end();
      }
    }
    const [answer]: IncomingHttpHeaders[] = await answered;

    expect(status === 0 ? 0 : answer?.[":status"]).toBe(status);
    expectSecurityHeaders(new Map(Object.entries(answer ?? {}).map(([key, value]) => [key, String(value)])));
    session.destroy();
  });
});

function gatewayOf(name: "plain" | "secure"): TestGateway {
  const gateway = gateways.get(name);
  if (gateway === undefined) throw new Error(`${name} has not started`);
  return gateway;
}

function urlOf(gateway: TestGateway): string {
  return gateway === gateways.get("secure") ? `https://localhost:${gateway.port}` : `http://127.0.0.1:${gateway.port}`;
}
