import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { strictFetch } from "../client/fetch.ts";
import { errorInfo } from "../errors.ts";
import {
  type Authority,
  createAuthority,
  createSecretFolder,
  type SecretFolder,
  secretOf,
} from "../testing/certificates.ts";
import { EchoService } from "../testing/echo-service.ts";
import { silentLog } from "../testing/log.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";
import type { TlsConfig } from "./env.ts";
import { type Certificates, openTls, type Tls } from "./files.ts";

const ours = await createAuthority();
const theirs = await createAuthority();

let cleanup = new AsyncDisposableStack();
afterEach(async () => {
  await cleanup.disposeAsync();
  cleanup = new AsyncDisposableStack();
});

test("with a certificate, the port speaks TLS to clients that trust its CA, for calls and streams", async () => {
  const { address } = await startSecure(await secretOf(ours, "localhost"));
  const client = clientOf(address, await trusting(ours));

  expect(await client.repeat({ text: "a" })).toMatchObject({ text: "a" });
  for await (const note of client.watch({ text: "b" })) {
    expect(note).toMatchObject({ text: "b" });
  }
  expect.assertions(2);
});

test("a call in cleartext is refused", async () => {
  const { address, server } = await startSecure(await secretOf(ours, "localhost"));
  const session = connectHttp2(`http://localhost:${server.port}`);
  const closed = once(session, "close");

  const call = await clientOf(address, undefined).repeat({ text: "a" }).catch(errorInfo);

  expect(call).toMatchObject({ code: Code.Unavailable });
  await closed;
});

test("a client with a CA does not call a server in cleartext", async () => {
  const echo = cleanup.use(await startEcho({ repeat: (note) => note }));
  const client = clientOf(`localhost:${echo.server.port}`, await trusting(ours));

  expect(await client.repeat({ text: "a" }).catch(errorInfo)).toMatchObject({ code: Code.Unavailable });
});

test.each([
  ["of another CA", theirs, "localhost", "certificate signature failure"],
  ["for another name", ours, "stock", "Hostname/IP does not match certificate's altnames"],
])("a server with a certificate %s is refused, and only cause and log say why", async (_, authority, name, why) => {
  const { address } = await startSecure(await secretOf(authority, name));
  const direct = clientOf(address, await trusting(ours));
  const upstream = clientOf(address, await trusting(ours));
  const { server, lines } = cleanup.use(await startEcho({ change: (note) => upstream.change(note) }));
  const relayed = clientOf(`localhost:${server.port}`, undefined);

  const refused = await direct.change({ text: "a" }).catch(ConnectError.from);
  const passedOn = await relayed.change({ text: "a" }).catch(ConnectError.from);

  const unreachable = { code: Code.Unavailable, rawMessage: "a service cannot be reached; try again" };
  expect([refused, passedOn]).toMatchObject([unreachable, unreachable]);
  expect(String((refused as ConnectError).cause)).toContain(why);
  expect(lines.filter(({ msg }) => msg === "call")).toMatchObject([{ transport: expect.stringContaining(why) }]);
});

test("with several addresses, each server may have a certificate for any of the names", async () => {
  const one = await startSecure(await secretOf(ours, "localhost"));
  const two = await startSecure(await secretOf(ours, "localhost.localdomain"));
  const client = clientOf(`localhost:${one.server.port},localhost:${two.server.port}`, await trusting(ours));

  for (let count = 0; count < 4; count++) {
    expect(await client.repeat({ text: "a" })).toMatchObject({ text: "a" });
  }
});

test("a client that does not speak HTTP/2 over TLS gets nothing", async () => {
  const { server } = await startSecure(await secretOf(ours, "localhost"));
  const socket = connectTls({ port: server.port, host: "localhost", ca: ours.cert, ALPNProtocols: ["http/1.1"] });

  const [error] = await once(socket, "error");

  expect(String(error)).toContain("no application protocol");
});

test("renewed certificates are used for new connections, and calls in progress go on", async () => {
  const folder = cleanup.use(await createSecretFolder(await secretOf(ours, "localhost")));
  const { promise: release, resolve: goOn } = Promise.withResolvers<void>();
  const { address, server } = await startSecure(folder, async (note) => {
    if (note.text === "long") {
      await release;
    }
    return note;
  });
  const clientFolder = cleanup.use(await createSecretFolder({ "ca.crt": ours.cert }));
  const clientTls = cleanup.use(openFiles({ TLS_CA_FILE: clientFolder.path("ca.crt") }));
  const client = clientOf(address, clientTls);
  await client.repeat({ text: "connects" });
  const underWay = client.repeat({ text: "long" });

  // Another CA altogether, which is as much as can change.
  await folder.write(await secretOf(theirs, "localhost"));
  await expect.poll(() => issuerAt(server.port, theirs)).toBe("ok");
  await clientFolder.write({ "ca.crt": theirs.cert });
  await expect.poll(() => clientTls.current.ca).toBe(theirs.cert);

  expect(await client.repeat({ text: "as before" })).toMatchObject({ text: expect.any(String) });
  expect(await clientOf(address, clientTls).repeat({ text: "a" })).toMatchObject({ text: "a" });
  goOn();
  expect(await underWay).toMatchObject({ text: "long" });
});

test("a reconnect uses the current certificates", async () => {
  const folder = cleanup.use(await createSecretFolder(await secretOf(ours, "localhost")));
  const first = await startSecure(folder);
  const clientFolder = cleanup.use(await createSecretFolder({ "ca.crt": ours.cert }));
  const clientTls = cleanup.use(openFiles({ TLS_CA_FILE: clientFolder.path("ca.crt") }));
  const client = clientOf(first.address, clientTls);
  await client.repeat({ text: "a" });

  await clientFolder.write({ "ca.crt": theirs.cert });
  await expect.poll(() => clientTls.current.ca).toBe(theirs.cert);
  await first.server[Symbol.asyncDispose]();
  await startSecure(await secretOf(theirs, "localhost"), undefined, first.server.port);

  await expect.poll(() => client.repeat({ text: "a" }).then(({ text }) => text, String)).toBe("a");
});

test("a key that does not match the certificate is not used: the previous pair stays in use", async () => {
  const secret = await secretOf(ours, "localhost");
  const folder = cleanup.use(await createSecretFolder(secret));
  const tls = cleanup.use(openFiles(filesOf(folder)));
  const other = await secretOf(ours, "localhost");
  const pair = { cert: other["tls.crt"], key: other["tls.key"] };
  const used: Certificates["own"][] = [];
  tls.subscribe(({ own }) => used.push(own));

  await folder.write({ ...other, "tls.key": secret["tls.key"] ?? "" });
  await folder.write({ ...other, "ca.crt": theirs.cert });

  await expect.poll(() => tls.current).toEqual({ own: pair, ca: theirs.cert });
  // A read during the swap may find the new pair with the CA of before, and the next one the new CA: two changes.
  expect(used).toEqual(used.map(() => pair));
});

test("with TLS_CLIENT_AUTH=require, a client without a certificate of the CA is refused", async () => {
  const { address } = await startSecure(await secretOf(ours, "localhost"), undefined, 0, {
    TLS_CLIENT_AUTH: "require",
  });
  const impostor = await secretOf(theirs, "order");
  const shows = async (secret: Record<string, string>) => {
    const folder = cleanup.use(await createSecretFolder(secret));
    return clientOf(address, cleanup.use(openFiles(filesOf(folder))));
  };

  const unknown = await clientOf(address, await trusting(ours))
    .repeat({ text: "a" })
    .catch(errorInfo);
  const other = await (await shows({ ...impostor, "ca.crt": ours.cert })).repeat({ text: "a" }).catch(errorInfo);
  const known = await (await shows(await secretOf(ours, "order"))).repeat({ text: "a" });

  expect([unknown, other]).toMatchObject([{ code: Code.Unavailable }, { code: Code.Unavailable }]);
  expect(known).toMatchObject({ text: "a" });
});

test("a client that connects and sends nothing does not keep a server from closing", async () => {
  const { server } = await startSecure(await secretOf(ours, "localhost"));
  const socket = connectTcp(server.port, "localhost");
  await once(socket, "connect");

  await server.drain(100);

  await expect(once(socket.resume(), "close")).resolves.toBeDefined();
});

test("a request to a host inside of the cluster trusts its CA, and after a renewal only the new one", async () => {
  const { cert, key } = await ours.issue("localhost");
  const web = createHttpsServer({ cert, key }, (_, response) => response.end("hello")).listen(0, "localhost");
  cleanup.defer(() => void web.close());
  await once(web, "listening");
  const { port } = web.address() as { port: number };
  const headers = { connection: "close" };
  const ask = () => strictFetch(`https://localhost:${port}/`, { headers }).then((response) => response.text(), String);
  const folder = cleanup.use(await createSecretFolder({ "ca.crt": theirs.cert }));
  const tls = cleanup.use(openFiles({ TLS_CA_FILE: folder.path("ca.crt") }));

  const before = await ask();
  await folder.write({ "ca.crt": ours.cert });
  await expect.poll(() => tls.current.ca).toBe(ours.cert);
  const meanwhile = await ask();
  await folder.write({ "ca.crt": theirs.cert });
  await expect.poll(() => tls.current.ca).toBe(theirs.cert);

  expect([before, meanwhile, await ask()]).toEqual(["TypeError: fetch failed", "hello", "TypeError: fetch failed"]);
});

type Repeat = Parameters<typeof startEcho>[0]["repeat"];

async function startSecure(
  secret: Record<string, string> | SecretFolder,
  repeat: Repeat = (note) => note,
  port = 0,
  config: Partial<TlsConfig> = {},
): Promise<TestServer> {
  const folder = isFolder(secret) ? secret : cleanup.use(await createSecretFolder(secret));
  const tls = cleanup.use(openFiles({ ...filesOf(folder), ...config }));
  const echo = {
    repeat,
    async *watch(note: { text: string }) {
      yield { text: note.text };
    },
  };
  const started = cleanup.use(await startEcho(echo, { tls, port, host: "localhost" }));
  return { ...started, address: `localhost:${started.server.port}` };
}

function isFolder(secret: Record<string, string> | SecretFolder): secret is SecretFolder {
  return typeof secret.path === "function";
}

function filesOf(folder: SecretFolder): Partial<TlsConfig> {
  return {
    TLS_CERT_FILE: folder.path("tls.crt"),
    TLS_KEY_FILE: folder.path("tls.key"),
    TLS_CA_FILE: folder.path("ca.crt"),
  };
}

function openFiles(config: Partial<TlsConfig>): Tls {
  const none = { TLS_CERT_FILE: undefined, TLS_KEY_FILE: undefined, TLS_CA_FILE: undefined };
  return openTls({ config: { ...none, TLS_CLIENT_AUTH: "none", ...config }, log: silentLog, intervalMs: 5 })!;
}

async function trusting(authority: Authority): Promise<Tls> {
  const folder = cleanup.use(await createSecretFolder({ "ca.crt": authority.cert }));
  return cleanup.use(openFiles({ TLS_CA_FILE: folder.path("ca.crt") }));
}

function clientOf(address: string, tls: Tls | undefined) {
  const channel = cleanup.use(openChannel(address, { tls }));
  return createServiceClient(EchoService, channel);
}

/** Returns true if the server there has a certificate of this CA now. */
async function issuerAt(port: number, { cert }: Authority): Promise<string> {
  const socket: TLSSocket = connectTls({ port, host: "localhost", ca: cert, ALPNProtocols: ["h2"] });
  try {
    await once(socket, "secureConnect");
    return "ok";
  } catch (error) {
    return String(error);
  } finally {
    socket.destroy();
  }
}
