import { once } from "node:events";
import { connect } from "node:http2";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { silentLog } from "@sagacart/chassis/testing/log";
import { openTls } from "@sagacart/chassis/tls/files";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

const cleanup = new AsyncDisposableStack();
const authority = await createAuthority();
let standIn: Awaited<ReturnType<typeof startStandIn>>;
let gateway: TestGateway;
let secure: TestGateway;

beforeAll(async () => {
  standIn = cleanup.use(await startStandIn());
  gateway = cleanup.use(
    await startTestGateway(standIn.address, { httpsOnly: true, trustedProxies: ["127.0.0.0/8", "::1"] }),
  );
  const folder = cleanup.use(await createSecretFolder(await secretOf(authority, "localhost")));
  const files = { TLS_CERT_FILE: folder.path("tls.crt"), TLS_KEY_FILE: folder.path("tls.key"), TLS_CA_FILE: undefined };
  const serveTls = openTls({ config: { ...files, TLS_CLIENT_AUTH: "none" }, log: silentLog });
  secure = cleanup.use(
    await startTestGateway(standIn.address, { httpsOnly: true, serveTls, trustedProxies: ["127.0.0.0/8"] }),
  );
});
afterAll(() => cleanup.disposeAsync());

const byHttp = { "x-forwarded-proto": "http" };
const byHttps = { "x-forwarded-proto": "https" };

test.each([
  ["data", "GET /v1/products/lamp"],
  ["a sign-in", "POST /v1/sessions"],
  ["a page", "GET /unsubscribe?token=a"],
  ["the start of a sign-in at identity", "GET /oidc/auth?client_id=a"],
  ["a page of the API", "GET /docs"],
  ["a provider's webhook", "POST /v1/provider-webhooks/card"],
  ["a Connect call", "POST /sagacart.stock.v1.ProductService/ListProducts"],
  ["a path that is nowhere", "GET /nowhere"],
])("%s by plain HTTP is refused, and not redirected", async (_what, request) => {
  const body = request.startsWith("POST") ? { body: {} } : {};
  for (const headers of [{}, byHttp, { "x-forwarded-proto": "https, http" }]) {
    const answer = await gateway.send(request, { headers, ...body });

    expect(answer.status).toBe(403);
    expect(answer.headers.get("location")).toBeNull();
    expect(JSON.stringify(answer.body)).toContain("plain HTTP");
  }
  expect(standIn.asked).toEqual([]);
});

test("what a trusted proxy took by HTTPS is answered", async () => {
  expect((await gateway.send("GET /openapi.json", { headers: byHttps })).status).toBe(200);
});

test("probes are answered, whatever they come by", async () => {
  expect((await gateway.send("GET /health")).status).toBe(200);
});

test.each([
  ["without a proxy", {}, 200],
  ["by a proxy that took it by HTTPS", byHttps, 200],
  ["by a proxy that took it by HTTP", byHttp, 403],
])("over TLS %s", async (_what, headers, status) => {
  const session = connect(`https://localhost:${secure.port}`, { ca: authority.cert });
  const stream = session.request({ ":path": "/openapi.json", ...headers });
  const [answer] = await once(stream, "response");
  stream.resume();

  expect(answer[":status"]).toBe(status);
  session.destroy();
});
