import { once } from "node:events";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { createLog, type Log } from "@sagacart/chassis/process/log";
import { type Authority, createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { readConfig } from "@sagacart/workflows/config";
import { connectTemporal } from "@sagacart/workflows/worker/temporal";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { freePort, loopback } from "../scripts/stack/ports.ts";
import { cacheDirectory } from "../scripts/stack/postgres-programs.ts";
import { spawnTemporal, type TemporalServer } from "./support/temporal-server.ts";

// Temporal's dev server has no TLS, so a TLS proxy in front of it acts as a frontend with a certificate.
let temporal: TemporalServer;
let authority: Authority;
let cleanup = new AsyncDisposableStack();

beforeAll(async () => {
  authority = await createAuthority();
  temporal = await spawnTemporal(cacheDirectory());
});

afterAll(() => temporal[Symbol.asyncDispose]());

afterEach(async () => {
  await cleanup.disposeAsync();
  cleanup = new AsyncDisposableStack();
});

test("the worker connects over TLS to a server with a certificate of the CA for the expected name", async () => {
  const { cert, key } = await authority.issue("frontend.temporal.svc");
  const port = await serve({ cert, key });
  const files = cleanup.use(await createSecretFolder({ "ca.crt": authority.cert }));
  const { log } = lines();

  const found = await connectTemporal(
    configOf({
      TEMPORAL_ADDRESS: `localhost:${port}`,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.path("ca.crt"),
      TEMPORAL_TLS_SERVER_NAME: "frontend.temporal.svc",
    }),
    { log, stopping: new Promise(() => {}) },
  );

  expect(await found?.client.workflowService.getSystemInfo({})).toHaveProperty("serverVersion");
  await found?.close();
});

test("with mutual TLS, the worker presents its certificate and asks for a restart when that is renewed", async () => {
  const { cert, key } = await authority.issue("localhost");
  const port = await serve({ cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
  const files = cleanup.use(await createSecretFolder(await secretOf(authority, "worker")));
  const { log } = lines();
  const secure = { TEMPORAL_ADDRESS: `localhost:${port}`, TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.path("ca.crt") };

  const found = await connectTemporal(
    configOf({
      ...secure,
      TEMPORAL_TLS_CLIENT_CERT_PATH: files.path("tls.crt"),
      TEMPORAL_TLS_CLIENT_KEY_PATH: files.path("tls.key"),
    }),
    { log, stopping: new Promise(() => {}), checkMs: 5 },
  );
  await files.write(await secretOf(authority, "worker"));

  await expect(found?.outdated).resolves.toBeUndefined();
  await found?.close();
});

test.each([
  ["a worker without the required client certificate", { requestCert: true, rejectUnauthorized: true }, "localhost"],
  ["a worker whose server has a certificate for another name", {}, "elsewhere"],
])("%s does not connect, and retries until it is stopped", async (_, options: TlsOptions, name) => {
  const { cert, key } = await authority.issue(name);
  const port = await serve({ cert, key, ca: authority.cert, ...options });
  const files = cleanup.use(await createSecretFolder({ "ca.crt": authority.cert }));
  const { log, said } = lines();
  const { promise: stopping, resolve: stop } = Promise.withResolvers<void>();
  const config = configOf({
    TEMPORAL_ADDRESS: `localhost:${port}`,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.path("ca.crt"),
  });

  const found = connectTemporal(config, { log, stopping });
  await expect.poll(() => said).toContain("cannot use Temporal yet; retrying");
  stop();

  expect(await found).toBeUndefined();
});

test("a worker that starts before Temporal waits for it and for its namespace", async () => {
  const port = await freePort();
  const { log, said } = lines();
  const config = configOf({ TEMPORAL_ADDRESS: `${loopback}:${port}`, TEMPORAL_NAMESPACE: "later" });
  const connecting = connectTemporal(config, { log, stopping: new Promise(() => {}) });
  await expect.poll(() => said.length).toBeGreaterThan(0);

  await forward(port);
  const other = await connectTemporal(configOf({ TEMPORAL_ADDRESS: temporal.address }), {
    log,
    stopping: new Promise(() => {}),
  });
  await other?.client.workflowService.registerNamespace({
    namespace: "later",
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await other?.close();

  const found = await connecting;
  expect(found?.client.options.namespace).toBe("later");
  await found?.close();
});

test.each([
  [
    { TEMPORAL_TLS_CLIENT_KEY_PATH: "/etc/hostname" },
    "TEMPORAL_TLS_CLIENT_CERT_PATH is not set; it must be the certificate of TEMPORAL_TLS_CLIENT_KEY_PATH",
  ],
  [
    { TEMPORAL_TLS_SERVER_CA_CERT_PATH: "/nowhere" },
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH names a file that cannot be read: ENOENT: no such file or directory, open '/nowhere'",
  ],
])("the invalid settings %j are refused with the reason", (env, problem) => {
  expect(() => configOf(env)).toThrow(problem);
});

function configOf(env: Record<string, string>) {
  return readConfig({ AUTH: "off", ...env });
}

function lines(): { log: Log; said: string[] } {
  const said: string[] = [];
  const destination = { write: (line: string) => void said.push(JSON.parse(line).msg) };
  return { log: createLog({ service: "worker", level: "warn", destination }), said };
}

/** Starts a TLS proxy in front of Temporal and returns its port. */
async function serve(options: TlsOptions): Promise<number> {
  const server = createTlsServer({ ...options, ALPNProtocols: ["h2"] }, (socket) => pass(socket));
  server.on("tlsClientError", () => {});
  return await listen(server, 0);
}

/** Starts a plain proxy in front of Temporal. */
async function forward(port: number): Promise<void> {
  await listen(createTcpServer(pass), port);
}

async function listen(server: Server, port: number): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(port, "localhost");
  await once(server, "listening");
  cleanup.defer(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) {
      socket.destroy();
    }
    await closed;
  });
  return (server.address() as { port: number }).port;
}

function pass(inner: Socket): void {
  const [host = "", port] = temporal.address.split(":");
  const outer = connect(Number(port), host);
  for (const [socket, other] of [
    [inner, outer],
    [outer, inner],
  ] as const) {
    socket.on("error", () => {});
    socket.on("close", () => other.destroy());
    socket.pipe(other);
  }
}
