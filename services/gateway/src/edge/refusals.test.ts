import { type ClientHttp2Session, connect, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { createSecurityLog } from "@sagacart/chassis/auth/security-log";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { unlimitedConcurrency } from "./concurrency.ts";

const cleanup = new AsyncDisposableStack();
const texts: string[] = [];
const security = createSecurityLog({ service: "gateway", destination: { write: (line) => texts.push(line) } });
const lines = () => texts.map((text) => JSON.parse(text));
let issuer: TestIssuer;
let standIn: StandIn;
let gateway: TestGateway;
/** One with short times. */
let impatient: TestGateway;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  standIn = cleanup.use(await startStandIn());
  const verifier = issuer.verifier();
  gateway = cleanup.use(
    await startTestGateway(standIn.address, {
      security,
      verifier,
      limits: { writesPerMinute: 20, signInsPerMinute: 10 },
      concurrency: { ...unlimitedConcurrency, bodyBytesPerCaller: 500_000 },
      trustedProxies: ["127.0.0.1"],
    }),
  );
  const connectionLimits = { ...publicConnections, requestTimeoutMs: 1_000, stalledAnswerMs: 1_000 };
  impatient = cleanup.use(await startTestGateway(standIn.address, { security, verifier, connectionLimits }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  security.flush();
  security.flush();
  texts.length = 0;
});

/** Each test has an address of its own, as limits are counted by address. */
let nextAddress = 1;
const from = () => ({ "x-forwarded-for": `198.51.100.${nextAddress++}` });

type Ask = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  body?: string;
};
type Case = [what: string, ask: () => Promise<Ask> | Ask, line: object];

const json = { "content-type": "application/json" };
const grpc = { "content-type": "application/grpc", te: "trailers" };
const frame = (size: number) => `\0${String.fromCharCode(0, (size >> 16) & 127, (size >> 8) & 127, 0)}`;
const bearer = async (...given: Parameters<TestIssuer["bearer"]>) => ({ authorization: await issuer.bearer(...given) });
const anonymous = { kind: "anonymous", id: "" };
const orders = "/sagacart.order.v1.OrderService";

const cases: Case[] = [
  [
    "no token",
    () => ({ path: "/v1/orders/o-1?secret=1" }),
    { event: "token.refused", reason: "TOKEN_MISSING", method: "GET", route: "/v1/orders/:p0", actor: anonymous },
  ],
  [
    "a forged token",
    async () => ({ path: "/v1/orders/o-1", headers: await bearer("ada", ["customer"], { forged: true }) }),
    { event: "token.refused", reason: "TOKEN_INVALID", actor: anonymous },
  ],
  [
    "what is no token",
    () => ({ path: "/v1/orders/o-1", headers: { authorization: "Basic abc" } }),
    { event: "token.refused", reason: "TOKEN_INVALID", actor: anonymous },
  ],
  [
    "an expired token",
    async () => ({ path: "/v1/orders/o-1", headers: await bearer("ada", ["customer"], { expiresInS: -60 }) }),
    { event: "token.refused", reason: "TOKEN_EXPIRED", actor: { kind: "customer", id: "ada" } },
  ],
  [
    "a program's token",
    async () => ({ path: "/v1/products", headers: await bearer("service:worker", ["service"]) }),
    { event: "access.refused", reason: "PEOPLE_ONLY", actor: { kind: "service", id: "worker" } },
  ],
  [
    "a program's token, over gRPC",
    async () => ({
      ...{ method: "POST", path: "/sagacart.stock.v1.ProductService/ListProducts", body: "\0\0\0\0\0" },
      headers: { ...grpc, ...(await bearer("service:worker", ["service"])) },
    }),
    { event: "access.refused", reason: "PEOPLE_ONLY", actor: { kind: "service", id: "worker" } },
  ],
  [
    "no token, over gRPC",
    () => ({ method: "POST", path: `${orders}/GetOrder`, headers: grpc, body: "\0\0\0\0\0" }),
    { event: "token.refused", reason: "TOKEN_MISSING", method: "POST", route: `${orders}/GetOrder` },
  ],
  [
    "no token, over gRPC-Web",
    () => ({
      ...{ method: "POST", path: `${orders}/GetOrder`, body: "\0\0\0\0\0" },
      headers: { "content-type": "application/grpc-web+proto" },
    }),
    { event: "token.refused", reason: "TOKEN_MISSING" },
  ],
  [
    "no token, over Connect",
    () => ({ method: "POST", path: `${orders}/GetOrder`, headers: json, body: "{}" }),
    { event: "token.refused", reason: "TOKEN_MISSING" },
  ],
  [
    "no token, for a stream over Connect",
    () => ({
      ...{ method: "POST", path: `${orders}/WatchOrder`, body: "\0\0\0\0\x02{}" },
      headers: { "content-type": "application/connect+json" },
    }),
    { event: "token.refused", reason: "TOKEN_MISSING" },
  ],
  [
    "a method that is not for callers from outside",
    () => ({ method: "POST", path: "/sagacart.order.v1.SagaService/BatchBegin", headers: grpc, body: "\0\0\0\0\0" }),
    { event: "request.refused", reason: "UNIMPLEMENTED" },
  ],
  [
    "a body that is too large",
    () => ({ method: "POST", path: "/v1/sessions", headers: json, body: `{"username":"${"x".repeat(70_000)}"}` }),
    { event: "request.refused", reason: "BODY_TOO_LARGE", method: "POST", route: "/v1/sessions" },
  ],
  [
    "a message that is too large, over Connect",
    () => ({
      ...{ method: "POST", path: "/sagacart.identity.v1.IdentityService/SignIn" },
      ...{ headers: json, body: `{"username":"${"x".repeat(70_000)}"}` },
    }),
    { event: "request.refused", reason: "BODY_TOO_LARGE" },
  ],
  [
    "a message that is too large, over gRPC",
    () => ({
      ...{ method: "POST", path: "/sagacart.identity.v1.IdentityService/SignIn" },
      ...{ headers: grpc, body: `${frame(0x011100)}${"x".repeat(0x011100)}` },
    }),
    { event: "request.refused", reason: "BODY_TOO_LARGE" },
  ],
  [
    "wrong fields",
    () => ({ method: "POST", path: "/v1/sessions", headers: json, body: '{"username":1}' }),
    { event: "request.refused", reason: "INVALID_REQUEST" },
  ],
  [
    "wrong fields, over Connect",
    () => ({
      ...{ method: "POST", path: "/sagacart.identity.v1.IdentityService/SignIn" },
      ...{ headers: json, body: '{"username":1}' },
    }),
    { event: "request.refused", reason: "INVALID_ARGUMENT" },
  ],
  [
    "what is no JSON",
    () => ({ method: "POST", path: "/v1/sessions", headers: json, body: "{" }),
    { event: "request.refused", reason: "MALFORMED_JSON" },
  ],
  [
    "a path that is not there",
    () => ({ path: "/wp-admin/setup.php?password=1" }),
    { event: "request.refused", reason: "ROUTE_NOT_FOUND", route: "" },
  ],
  [
    "a path that is malformed",
    () => ({ path: "/v1/products/%zz" }),
    // Fastify asks no proxy for the address of a path that it cannot read.
    { event: "request.refused", reason: "MALFORMED_REQUEST", address: "127.0.0.1" },
  ],
  [
    "another method",
    () => ({ method: "DELETE", path: "/v1/sessions" }),
    { event: "request.refused", reason: "METHOD_NOT_ALLOWED", method: "DELETE" },
  ],
];

test.each(cases)("%s: a line with caller, address, reason and route", async (_, make, line) => {
  const { method = "GET", path, headers = {}, body = "" } = await make();
  const address = from();
  const session = connect(gateway.url);
  const stream = session.request({ ":method": method, ":path": path, ...address, ...headers });
  stream.on("error", () => {});
  stream.end(Buffer.from(body, "latin1"));
  stream.resume();
  await closed(stream);
  session.destroy();

  await expect.poll(lines).toMatchObject([
    {
      ...{ log: "security", service: "gateway", outcome: "refused", count: 1 },
      ...{ address: address["x-forwarded-for"], requestId: expect.stringMatching(/.+/), ...line },
    },
  ]);
  expect(texts.join("")).not.toMatch(/secret|password|xxxx/);
});

test("429s of one caller are one line and a count, whatever the number, and another caller's their own", async () => {
  const [one, other] = [from(), from()];
  const ask = (headers: Record<string, string>) =>
    gateway.send("POST /v1/sessions", { headers, body: { username: "ada", password: "wrong" } });
  const statuses = await Promise.all(Array.from({ length: 60 }, () => ask(one)));
  await Promise.all(Array.from({ length: 12 }, () => ask(other)));

  expect(statuses.filter(({ status }) => status === 429)).toHaveLength(50);
  await expect.poll(() => lines().length).toBe(2);
  security.flush();
  const limited = { event: "request.limited", reason: "TOO_MANY_REQUESTS", object: { kind: "limit", id: "sign_ins" } };
  expect(lines().map(({ count }) => count)).toEqual([1, 1, 49, 1]);
  expect(lines()[2]).toMatchObject({ ...limited, address: one["x-forwarded-for"], route: "/v1/sessions" });
});

test("429s of somebody who is signed in have their name", async () => {
  const headers = { ...from(), ...(await bearer("eve", ["customer"])) };
  for (let count = 0; count < 25; count++) {
    await gateway.send("POST /v1/orders/o-1:cancel", { headers, body: {} });
  }
  await expect
    .poll(lines)
    .toMatchObject([
      { event: "request.limited", object: { kind: "limit", id: "writes" }, actor: { kind: "customer", id: "eve" } },
    ]);
});

test.each([
  ["announced", "content-length: 600000", ""],
  ["of unknown length", "transfer-encoding: chunked", "927c0\r\n"],
])("a body above the bytes of one caller, %s, is a line", async (how, length, chunk) => {
  const user = how.replaceAll(" ", "-");
  const headers = { host: "shop", ...json, ...from(), ...(await bearer(user, ["customer"])) };
  const socket = connectTcp(gateway.port, "127.0.0.1").on("error", () => {});
  const head = [...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), length];
  socket.write(`POST /v1/carts HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n${chunk}${"[".repeat(600_000)}`);
  await new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
  socket.destroy();

  const limited = { event: "request.limited", reason: "TOO_MANY_REQUESTS", actor: { kind: "customer", id: user } };
  const line = { ...limited, object: { kind: "limit", id: "body_bytes_of_caller" }, route: "/v1/carts" };
  await expect.poll(() => lines().filter(({ event }) => event === "request.limited")).toMatchObject([line]);
});

test("what a service refuses is that service's line, and an ordinary mistake is none", async () => {
  const { ConnectError, Code } = await import("@connectrpc/connect");
  standIn.answer("GetOrder", () => {
    throw new ConnectError("no", Code.PermissionDenied);
  });
  const headers = { ...from(), ...(await bearer("ada", ["customer"])) };
  expect((await gateway.send("GET /v1/orders/o-1", { headers })).status).toBe(403);
  const order = { customerId: "ada", lines: [{ productId: "p-1", quantity: 1 }] };
  expect((await gateway.send("POST /v1/orders", { headers, body: order })).body.reason).toBe(
    "IDEMPOTENCY_KEY_REQUIRED",
  );
  expect(lines()).toEqual([]);
});

test.each<[string, string, string]>([
  ["what is not HTTP", "\x16\x03\x01 a hello of TLS\r\n\r\n", "MALFORMED_REQUEST"],
  [
    "headers that are too large",
    `GET / HTTP/1.1\r\nHost: shop\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
    "HEADERS_TOO_LARGE",
  ],
  ["half a preface", "PRI * HT", "REQUEST_TIMEOUT"],
  ["half a request", "GET /v1/pro", "REQUEST_TIMEOUT"],
  [
    "half a body",
    "POST /v1/sessions HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    "REQUEST_TIMEOUT",
  ],
  [
    "frames that break the protocol",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\x07x",
    "PROTOCOL_ERROR",
  ],
])("%s: a line with the address", async (_, bytes, reason) => {
  const socket = connectTcp(impatient.port, "127.0.0.1").on("error", () => {});
  socket.write(Buffer.from(bytes, "latin1"));
  await closed(socket);

  // Half a body is also a request that is malformed.
  await expect
    .poll(() => lines().filter(({ event }) => event !== "request.refused"))
    .toMatchObject([{ event: "connection.refused", outcome: "refused", reason, address: "127.0.0.1" }]);
});

test("streams that are reset as fast as one can are a line", async () => {
  const session = connect(gateway.url);
  session.on("error", () => {});
  while (!isOver(session)) {
    for (let count = 0; count < 100 && !isOver(session); count++) {
      session
        .request({ ":path": "/v1/products" })
        .on("error", () => {})
        .close(constants.NGHTTP2_CANCEL);
    }
    await setImmediate();
  }
  session.destroy();
  await expect.poll(lines).toMatchObject([{ event: "connection.refused", address: "127.0.0.1" }]);
});

function isOver(session: ClientHttp2Session): boolean {
  return session.destroyed || session.closed;
}

test("one connection too many of an address is a line", async () => {
  await using other = await startTestGateway(standIn.address, {
    security,
    connectionLimits: { ...publicConnections, connectionsPerAddress: 1 },
  });
  const [first, second] = [0, 1].map(() => connectTcp(other.port, "127.0.0.1").on("error", () => {}));
  await closed(second!);
  first!.destroy();

  expect(lines()).toMatchObject([
    { event: "connection.refused", reason: "TOO_MANY_CONNECTIONS", address: "127.0.0.1" },
  ]);
});

test("an issuer that cannot be asked is a control that failed, and no caller's fault", async () => {
  await using down = await startIssuer();
  down.down = true;
  await using other = await startTestGateway(standIn.address, { security, verifier: down.verifier() });
  const headers = await (async () => ({ authorization: await down.bearer("ada", ["customer"]) }))();

  expect((await other.send("GET /v1/orders/o-1", { headers })).status).toBe(503);

  await expect
    .poll(lines)
    .toMatchObject([{ event: "control.failed", outcome: "failed", object: { kind: "control", id: "tokens" } }]);
});

/** Not once() of node:events, which rejects for the error that comes before. */
async function closed(socket: Duplex): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", () => resolve()).resume());
}
