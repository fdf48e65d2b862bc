import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, getCiphers, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { strictFetch } from "../client/fetch.ts";
import { errorInfo } from "../errors.ts";
import { createAuthority, createSecretFolder, secretOf } from "../testing/certificates.ts";
import { EchoService } from "../testing/echo-service.ts";
import { silentLog } from "../testing/log.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";
import { cipherSuites } from "./ciphers.ts";
import { openTls, type Tls } from "./files.ts";

const cleanup = new AsyncDisposableStack();
afterAll(() => cleanup.disposeAsync());

/** All suites of TLS 1.2 and before that this OpenSSL knows: but for those that need a password or key in advance. */
const oldSuites = getCiphers()
  .map((name) => name.toUpperCase())
  .filter((name) => !name.startsWith("TLS_") && !/PSK|SRP/.test(name));
const recommended = new Set<string>(cipherSuites);

/** Offers one suite alone, and returns the suite of the connection, or that it was refused. */
async function offer(port: number, ca: string, suite: string): Promise<string> {
  const isOld = !suite.startsWith("TLS_");
  const version = isOld ? "TLSv1.2" : "TLSv1.3";
  const socket: TLSSocket = connect({
    ...{ port, host: "127.0.0.1", servername: "localhost", ca, ALPNProtocols: ["h2", "http/1.1"] },
    // Without it, OpenSSL itself would not offer the weakest.
    ciphers: isOld ? `${suite}:@SECLEVEL=0` : suite,
    ...{ minVersion: version, maxVersion: version },
  });
  try {
    await once(socket, "secureConnect");
    return socket.getCipher().name;
  } catch {
    return "refused";
  } finally {
    socket.destroy();
  }
}

describe.each(["ec", "rsa"] as const)("with a certificate of %s", (keyType) => {
  const authentication = keyType === "ec" ? "ECDSA" : "RSA";
  let ca: string;
  let echo: TestServer;

  beforeAll(async () => {
    const authority = await createAuthority(keyType);
    ca = authority.cert;
    echo = cleanup.use(
      await startEcho({}, { tls: await tlsOf(await secretOf(authority, "localhost")), adminTls: true }),
    );
  });

  test.each(["the RPC port", "the admin port"])("%s accepts exactly the recommended suites", async (name) => {
    const port = name === "the RPC port" ? echo.server.port : echo.server.adminPort;
    const accepted = [];
    for (const suite of [...oldSuites, ...cipherSuites.filter((one) => one.startsWith("TLS_"))]) {
      if ((await offer(port, ca, suite)) !== "refused") {
        accepted.push(suite);
      }
    }

    const expected = cipherSuites.filter((suite) => suite.startsWith("TLS_") || suite.includes(authentication));
    expect(accepted.toSorted()).toEqual(expected.toSorted());
    expect(oldSuites.length).toBeGreaterThan(recommended.size);
  });

  test("the server's order counts, not the client's", async () => {
    const own = cipherSuites.filter((suite) => suite.includes(`-${authentication}-`));
    const reversed = own.toReversed().join(":");
    const socket = connect({
      ...{ port: echo.server.port, host: "127.0.0.1", servername: "localhost", ca, ALPNProtocols: ["h2"] },
      ...{ ciphers: reversed, maxVersion: "TLSv1.2" as const },
    });
    await once(socket, "secureConnect");

    expect(socket.getCipher().name).toBe(own[0]);
    socket.destroy();
  });

  test("a renewed certificate keeps the suites", async () => {
    const authority = await createAuthority(keyType);
    const folder = cleanup.use(await createSecretFolder(await secretOf(authority, "localhost")));
    const tls = cleanup.use(open(folder.path));
    const { server } = cleanup.use(await startEcho({}, { tls }));
    const before = tls.current.own?.cert;
    await folder.write(await secretOf(authority, "localhost"));
    await expect.poll(() => tls.current.own?.cert).not.toBe(before);

    expect(await offer(server.port, authority.cert, `ECDHE-${authentication}-AES128-SHA256`)).toBe("refused");
    expect(await offer(server.port, authority.cert, `ECDHE-${authentication}-AES128-GCM-SHA256`)).not.toBe("refused");
  });
});

describe("clients", () => {
  const weak = [
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-ECDSA-AES128-CCM",
    "ECDHE-ECDSA-CAMELLIA128-SHA256",
  ];
  const strong = cipherSuites.filter((suite) => suite.includes("ECDSA"));

  test.each([...weak.map((suite) => [suite, false] as const), ...strong.map((suite) => [suite, true] as const)])(
    "of a server with %s alone: taken is %s",
    async (suite, isTaken) => {
      const authority = await createAuthority();
      const secret = await secretOf(authority, "localhost");
      const tls = await tlsOf({ "ca.crt": authority.cert });
      const server = createHttpsServer(
        {
          ...{ cert: secret["tls.crt"], key: secret["tls.key"], maxVersion: "TLSv1.2" },
          ...{ ciphers: `${suite}:@SECLEVEL=0`, ALPNProtocols: ["h2", "http/1.1"] },
        },
        (_request, response) => response.end("hello"),
      ).listen(0, "localhost");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      using channel = openChannel(`localhost:${port}`, { tls });
      const used: string[] = [];
      server.on("secureConnection", (socket) => used.push(socket.getCipher().name));

      const [said] = await Promise.all([
        strictFetch(`https://localhost:${port}/`, { headers: { connection: "close" } }).then(
          (answer) => answer.text(),
          String,
        ),
        // The answer is no gRPC: what counts is the connection.
        createServiceClient(EchoService, channel).repeat({ text: "a" }, { timeoutMs: 2_000 }).catch(errorInfo),
      ]);

      expect(said).toBe(isTaken ? "hello" : "TypeError: fetch failed");
      expect(new Set(used)).toEqual(new Set(isTaken ? [suite] : []));
      server.closeAllConnections();
      server.close();
    },
  );
});

function open(path: (name: string) => string, names: readonly string[] = ["tls.crt", "tls.key", "ca.crt"]): Tls {
  const file = (name: string) => (names.includes(name) ? path(name) : undefined);
  const config = {
    ...{ TLS_CERT_FILE: file("tls.crt"), TLS_KEY_FILE: file("tls.key"), TLS_CA_FILE: file("ca.crt") },
    TLS_CLIENT_AUTH: "none" as const,
  };
  return openTls({ config, log: silentLog, intervalMs: 5 })!;
}

async function tlsOf(secret: Record<string, string>): Promise<Tls> {
  const folder = cleanup.use(await createSecretFolder(secret));
  return cleanup.use(open(folder.path, Object.keys(secret)));
}
