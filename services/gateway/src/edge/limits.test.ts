import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway } from "../testing/gateway.ts";
import { startUpstream, type Upstream } from "../testing/upstream.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let standIn: StandIn;
let behind: Upstream;

beforeAll(async () => {
  behind = cleanup.use(await startUpstream());
  issuer = cleanup.use(await startIssuer());
  standIn = cleanup.use(await startStandIn());
});
afterAll(() => cleanup.disposeAsync());

function limitedGateway(trustedProxies: readonly string[] = []) {
  const limits = { writesPerMinute: 3, signInsPerMinute: 2 };
  return startTestGateway(standIn.address, {
    verifier: issuer.verifier(),
    limits,
    trustedProxies,
    surfacesUrl: behind.url,
  });
}

type Gateway = Awaited<ReturnType<typeof limitedGateway>>;

async function statuses(gateway: Gateway, count: number, request: string, headers: Record<string, string> = {}) {
  const found: number[] = [];
  for (let n = 0; n < count; n++) {
    found.push((await gateway.send(request, { headers, body: {} })).status);
  }
  return found;
}

test("a caller above the limit of writes gets 429 with Retry-After, and others are served", async () => {
  await using gateway = await limitedGateway();
  const ada = { authorization: await issuer.bearer("ada", ["customer"]) };
  const bob = { authorization: await issuer.bearer("bob", ["customer"]) };
  const cancel = "POST /v1/orders/o-1:cancel";

  expect(await statuses(gateway, 3, cancel, ada)).toEqual([200, 200, 200]);
  const refused = await gateway.send(cancel, { headers: ada, body: {} });

  expect(refused.status).toBe(429);
  expect(refused.body).toMatchObject({ reason: "TOO_MANY_REQUESTS", title: "RESOURCE_EXHAUSTED", status: 429 });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("x-request-id")).not.toBeNull();
  // What changes nothing is not counted, whatever the surface; another's writes are that other's.
  expect((await gateway.send("GET /v1/orders/o-1", { headers: ada })).status).toBe(200);
  expect((await gateway.send(cancel, { headers: bob, body: {} })).status).toBe(200);
  // The same person on another surface is the same caller.
  expect((await gateway.send("POST /api/v1/orders/o-1/cancel", { headers: ada, body: {} })).status).toBe(429);
});

test("a forged token does not use up its subject's limit", async () => {
  await using gateway = await limitedGateway();
  const forged = { authorization: await issuer.bearer("ada", ["customer"], { forged: true }) };

  expect(await statuses(gateway, 5, "POST /v1/orders/o-1:cancel", forged)).toEqual([401, 401, 401, 401, 401]);

  const ada = { authorization: await issuer.bearer("ada", ["customer"]) };
  expect(await statuses(gateway, 1, "POST /v1/orders/o-1:cancel", ada)).toEqual([200]);
});

test("the surfaces without a sign-in and provider webhooks are not limited", async () => {
  await using gateway = await limitedGateway();

  const opened = await statuses(gateway, 6, "POST /payment/create_user");
  const answers = await statuses(gateway, 6, "POST /v1/provider-webhooks/nobody");

  expect(new Set(opened)).toEqual(new Set([200]));
  expect(new Set(answers)).toEqual(new Set([404]));
});

test("sign-ins are counted by address, over all protocols and paths together", async () => {
  await using gateway = await limitedGateway();
  const login = { username: "ada", password: "secret-enough" };
  const send = () => gateway.send("POST /v1/sessions", { body: login });

  expect([(await send()).status, (await send()).status, (await send()).status]).toEqual([200, 200, 429]);
  expect((await gateway.send("POST /api/v1/login", { body: login })).status).toBe(429);
  const identity = createClient(IdentityService, createConnectTransport({ baseUrl: gateway.url, httpVersion: "1.1" }));
  await expect(identity.signIn(login)).rejects.toThrow();
});

test.each([
  ["fields that are wrong", '{"username":1}', 400],
  ["no JSON", "{", 400],
  ["a body that is too large", JSON.stringify({ username: "x".repeat(70_000) }), 413],
])("sign-ins with %s are counted before they are looked at", async (_what, body, status) => {
  await using gateway = await limitedGateway();
  const found = [];
  for (let n = 0; n < 3; n++) {
    found.push((await gateway.send("POST /v1/sessions", { body })).status);
  }
  expect(found).toEqual([status, status, 429]);
});

test("the caller's address comes from a trusted proxy, else from the connection", async () => {
  const login = { username: "ada", password: "secret-enough" };
  const from = (gateway: Gateway, address: string) =>
    gateway.send("POST /v1/sessions", { body: login, headers: { "x-forwarded-for": address } });

  await using trusting = await limitedGateway(["127.0.0.0/8", "::1"]);
  const passed = [];
  for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
    passed.push((await from(trusting, address)).status);
  }
  expect(passed).toEqual([200, 200, 429, 200]);
  // Whoever has one address of IPv6 has all of its /64.
  const household = [];
  for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"]) {
    household.push((await from(trusting, address)).status);
  }
  expect(household).toEqual([200, 200, 429, 200]);

  await using wary = await limitedGateway();
  const claimed = [];
  for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) {
    claimed.push((await from(wary, address)).status);
  }
  expect(claimed).toEqual([200, 200, 429]);
});

test("every answer has security headers, and the pages still work", async () => {
  await using gateway = await limitedGateway();

  for (const request of ["GET /v1/products/lamp", "GET /nowhere", "GET /health", "POST /payment/create_user"]) {
    const { headers } = await gateway.send(request);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("x-request-id")).not.toBeNull();
  }
  const page = await gateway.send("GET /docs");
  expect(page.headers.get("content-security-policy")).toContain("script-src 'self'");
});

test("starting a sign-in is counted, since it writes; reading the issuer's keys is not", async () => {
  await using gateway = await limitedGateway();
  const ask = async (path: string) => (await gateway.send(`GET ${path}`)).status;

  // Nobody is behind the gateway here.
  const begun = [await ask("/oidc/auth?a=1"), await ask("/oidc/auth?a=2"), await ask("/oidc/auth?a=3")];
  expect(begun).toEqual([503, 503, 429]);
  expect(await ask("/oidc/jwks")).toBe(503);
});

test("another spelling of a path is counted as that path", async () => {
  const login = { username: "ada", password: "secret-enough" };
  const spellings = [
    "POST /v1/session%73",
    "POST /api/v1/log%69n",
    "POST /api/v1/%75sers",
    "POST /sagacart.identity.v1.IdentityService/Sign%49n",
    "POST /%6fidc/token",
    "GET /oidc/auth",
    "GET /oidc/auth/?a=1",
    "GET /oidc//auth?a=1",
    "GET /oidc/%61uth?a=1",
    "GET /%6fidc/auth?a=1",
  ];
  for (const request of spellings) {
    await using gateway = await limitedGateway();
    const found = [];
    for (let n = 0; n < 3; n++) {
      found.push((await gateway.send(request, request.startsWith("POST") ? { body: login } : {})).status);
    }
    expect([request, found[2]]).toEqual([request, 429]);
  }
});
