import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { createServer as createHttpsServer, request } from "node:https";
import { connect as connectTcp } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { createSecurityLog } from "@sagacart/chassis/auth/security-log";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { silentLog } from "@sagacart/chassis/testing/log";
import { openTls, type Tls } from "@sagacart/chassis/tls/files";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

const authority = await createAuthority();
const folder = await createSecretFolder(await secretOf(authority, "localhost"));
const config = {
  TLS_CERT_FILE: folder.path("tls.crt"),
  TLS_KEY_FILE: folder.path("tls.key"),
  TLS_CA_FILE: folder.path("ca.crt"),
  TLS_CLIENT_AUTH: "require" as const,
};
const lines: Record<string, unknown>[] = [];
const security = createSecurityLog({
  service: "gateway",
  destination: { write: (line) => lines.push(JSON.parse(line)) },
});
let tls: Tls;
let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  tls = openTls({ config, log: silentLog, intervalMs: 5 })!;
  standIn = await startStandIn({ tls });
  gateway = await startTestGateway(standIn.address, { tls, security });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
  tls[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});

test("REST over TLS, and by mutual TLS to the services behind", async () => {
  standIn.answer("GetProduct", () => ({ product: { id: "a" } }));

  expect(await get("/v1/products/a")).toMatchObject({ status: 200, body: expect.stringContaining('"a"') });
});

test("HTTP/2 over TLS, negotiated by ALPN", async () => {
  const session = connectHttp2(`https://localhost:${gateway.port}`, { ca: authority.cert });
  const stream = session.request({ ":path": "/v1/products/a" });
  const [headers] = await once(stream, "response");
  stream.resume();
  session.close();

  expect(session.alpnProtocol).toBe("h2");
  expect(headers[":status"]).toBe(200);
});

test("gRPC over TLS, from a client without a certificate", async () => {
  standIn.answer("GetProduct", () => ({ product: { id: "a" } }));
  const ours = openTls({ config: { ...config, TLS_CERT_FILE: undefined, TLS_KEY_FILE: undefined }, log: silentLog });
  using channel = openChannel(`localhost:${gateway.port}`, { tls: ours });

  const { product } = await createServiceClient(ProductService, channel).getProduct({ id: "a" });

  expect(product?.id).toBe("a");
});

test("cleartext is refused", async () => {
  const socket = connectTcp(gateway.port, "127.0.0.1");
  socket.write("GET /v1/products/a HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const said: Buffer[] = [];
  socket.on("data", (data) => said.push(data));
  socket.on("error", () => {});
  await once(socket, "close");

  const refused = { event: "tls.refused", outcome: "refused", reason: "PLAIN_TEXT", address: "127.0.0.1" };
  await expect.poll(() => lines).toContainEqual(expect.objectContaining(refused));
  expect(Buffer.concat(said).toString("latin1")).not.toContain("HTTP/1.1");
});

test("a client that speaks an old TLS is in the security log", async () => {
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  const socket = connectTls({ host: "127.0.0.1", port: gateway.port, servername: "localhost", ...old });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));

  await expect.poll(() => lines.map(({ reason }) => reason)).toContain("PROTOCOL_NOT_SUPPORTED");
});

test("a renewed certificate is used for new connections", async () => {
  const before = await certificate();

  await folder.write(await secretOf(authority, "localhost"));

  await expect.poll(certificate).not.toBe(before);
});

test("OpenID Connect is passed on to identity over TLS, whose CA is trusted", async () => {
  const { cert, key } = await authority.issue("localhost");
  const identity = createHttpsServer({ cert, key }, (request, response) => response.end(`asked for ${request.url}`));
  identity.listen(0, "localhost");
  await once(identity, "listening");
  const { port } = identity.address() as { port: number };
  await using other = await startTestGateway(standIn.address, { tls, identityUrl: `https://localhost:${port}` });

  expect(await get("/oidc/jwks", other)).toEqual({ status: 200, body: "asked for /oidc/jwks" });
  identity.closeAllConnections();
  identity.close();
});

test("a connection that sends nothing does not keep the gateway from closing", async () => {
  const other = await startTestGateway(standIn.address, { tls });
  const socket = connectTcp(other.port, "localhost");
  await once(socket, "connect");
  // From before the gateway closes: on a busy machine the connection ends before that is over.
  const closed = once(socket.resume(), "close");

  await other[Symbol.asyncDispose]();

  await expect(closed).resolves.toBeDefined();
});

test("SERVE_TLS without a certificate is refused", () => {
  expect(() => readConfig({ AUTH: "off", SERVE_TLS: "true" })).toThrow(
    "SERVE_TLS is true, and there is no TLS_CERT_FILE to serve with",
  );
});

async function get(path: string, { port } = gateway): Promise<{ status: number | undefined; body: string }> {
  const sent = request({ host: "localhost", port, path, ca: authority.cert, agent: false }).end();
  const [response] = await once(sent, "response");
  return { status: response.statusCode, body: await text(response) };
}

async function certificate(): Promise<string> {
  const sent = request({ host: "localhost", port: gateway.port, path: "/", ca: authority.cert, agent: false }).end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.socket.getPeerCertificate().fingerprint256;
}
