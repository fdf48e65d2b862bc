import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createSecurityLog } from "../auth/security-log.ts";
import { serviceConnections } from "../connections/limits.ts";
import { createAuthority, createSecretFolder, secretOf } from "../testing/certificates.ts";
import { silentLog } from "../testing/log.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";
import { openTls } from "./files.ts";

const ours = await createAuthority();
const theirs = await createAuthority();
const cleanup = new AsyncDisposableStack();
const lines: Record<string, unknown>[] = [];
const security = createSecurityLog({ service: "echo", destination: { write: (line) => lines.push(JSON.parse(line)) } });
let server: TestServer;

beforeAll(async () => {
  const folder = cleanup.use(await createSecretFolder(await secretOf(ours, "localhost")));
  const tls = openTls({
    log: silentLog,
    config: {
      TLS_CERT_FILE: folder.path("tls.crt"),
      TLS_KEY_FILE: folder.path("tls.key"),
      TLS_CA_FILE: folder.path("ca.crt"),
      TLS_CLIENT_AUTH: "require",
    },
  });
  const connectionLimits = { ...serviceConnections, requestTimeoutMs: 1_000 };
  server = cleanup.use(await startEcho({}, { tls, security, connectionLimits }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  security.flush();
  security.flush();
  lines.length = 0;
});

async function plainText(text: string): Promise<void> {
  const socket = connectTcp(server.server.port, "127.0.0.1").on("error", () => {});
  socket.end(text);
  await closed(socket);
}

async function handshake(options: ConnectionOptions): Promise<void> {
  const given = { servername: "localhost", ca: ours.cert, ALPNProtocols: ["h2"], ...options };
  const socket = connectTls({ host: "127.0.0.1", port: server.server.port, ...given }).on("error", () => {});
  await closed(socket);
}

const shown = async (authority: typeof ours) => await authority.issue("order");

test.each<[string, () => Promise<void>, string]>([
  ["plain HTTP/1.1", () => plainText("GET / HTTP/1.1\r\nHost: here\r\n\r\n"), "PLAIN_TEXT"],
  ["plain HTTP/2", () => plainText("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "PLAIN_TEXT"],
  ["no certificate", () => handshake({}), "CERTIFICATE_MISSING"],
  ["a certificate of another CA", async () => handshake(await shown(theirs)), "CERTIFICATE_NOT_TRUSTED"],
  [
    "a client that does not trust ours",
    async () => handshake({ ...(await shown(ours)), ca: theirs.cert }),
    "LEFT_BY_PEER",
  ],
  [
    "an old version of TLS",
    async () =>
      handshake({ ...(await shown(ours)), minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    "PROTOCOL_NOT_SUPPORTED",
  ],
  [
    "a protocol that is not served",
    async () => handshake({ ...(await shown(ours)), ALPNProtocols: ["http/1.1"] }),
    "PROTOCOL_NOT_SUPPORTED",
  ],
  [
    "a handshake that is never finished",
    async () => {
      const socket = connectTcp(server.server.port, "127.0.0.1").on("error", () => {});
      // The beginning of a ClientHello.
      socket.write(Buffer.from([22, 3, 1, 2, 0]));
      await closed(socket);
    },
    "TIMEOUT",
  ],
])("%s on the port of TLS is a line of the security log", async (_, connect, reason) => {
  await connect();
  await expect
    .poll(() => lines)
    .toMatchObject([
      {
        ...{ log: "security", event: "tls.refused", outcome: "refused", reason, count: 1 },
        ...{ address: "127.0.0.1", actor: { kind: "anonymous", id: "" } },
      },
    ]);
});

test("handshakes that fail again and again are counted", async () => {
  for (let count = 0; count < 20; count++) {
    await plainText("GET / HTTP/1.1\r\n\r\n");
  }
  await expect
    .poll(() => {
      security.flush();
      return lines.reduce((sum, { count }) => sum + Number(count), 0);
    })
    .toBe(20);
});

test("a peer that looks whether the port is open, and one with the right certificate, are no line", async () => {
  const socket = connectTcp(server.server.port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
  const known = { servername: "localhost", ca: ours.cert, ALPNProtocols: ["h2"], ...(await shown(ours)) };
  const trusted = connectTls({ host: "127.0.0.1", port: server.server.port, ...known });
  // The server's settings come once it has finished the handshake, too.
  await once(trusted, "data");
  trusted.destroy();
  // What comes after them is handled after them.
  await plainText("GET / HTTP/1.1\r\n\r\n");
  await expect.poll(() => lines).toMatchObject([{ reason: "PLAIN_TEXT" }]);
});

/** Not once() of node:events, which rejects for the error that comes before. */
async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", () => resolve()).resume());
}
