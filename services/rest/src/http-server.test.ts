import { once } from "node:events";
import type { RequestListener } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { type ConnectionLimits, publicConnections } from "@sagacart/chassis/connections/limits";
import { createAuthority, createSecretFolder, secretOf } from "@sagacart/chassis/testing/certificates";
import { silentLog } from "@sagacart/chassis/testing/log";
import { openTls } from "@sagacart/chassis/tls/files";
import { afterAll, describe, expect, test } from "vitest";
import { type BothOptions, createBothServer } from "./http-server.ts";

type TestServer = AsyncDisposable & { readonly url: string; readonly port: number; connections(): number };

/** Times that are short, so that a test need not wait a minute. */
const short: ConnectionLimits = {
  ...publicConnections,
  requestTimeoutMs: 1_000,
  idleTimeoutMs: 500,
  stalledAnswerMs: 500,
};

async function start(handler: RequestListener, options: BothOptions = {}): Promise<TestServer> {
  const { server, end, connections } = createBothServer(handler, options);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections,
    async [Symbol.asyncDispose]() {
      const ended = end(0);
      server.closeAllConnections();
      await ended;
    },
  };
}

const hello: RequestListener = (_request, response) => {
  response.end("hello");
};

function open(url: string, settings: { initialWindowSize?: number } = {}): ClientHttp2Session {
  const session = connect(url, { settings });
  session.on("error", () => {});
  return session;
}

function silence<S extends ClientHttp2Stream | Socket>(stream: S): S {
  stream.on("error", () => {});
  return stream;
}

async function closed(emitter: ClientHttp2Session | ClientHttp2Stream | Socket): Promise<void> {
  // Not once() of node:events, which rejects for the error that comes before.
  await new Promise<void>((resolve) => {
    if (emitter.destroyed) {
      resolve();
    } else {
      emitter.once("close", () => resolve());
    }
  });
}

async function connectPlain(port: number): Promise<Socket> {
  const socket = silence(connectTcp(port, "127.0.0.1"));
  await once(socket, "connect");
  return socket;
}

/** Connects, and returns true if the server keeps the connection: it answers a request on it. */
async function isAdmitted(port: number): Promise<{ socket: Socket; admitted: boolean }> {
  const socket = silence(connectTcp(port, "127.0.0.1"));
  socket.write("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
  const admitted = await Promise.race([once(socket, "data").then(() => true), once(socket, "close").then(() => false)]);
  return { socket, admitted };
}

test("a connection of HTTP/2 takes a hundred requests at a time", async () => {
  await using server = await start(hello);
  const session = open(server.url);
  await once(session, "remoteSettings");

  expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
  session.destroy();
});

test("resetting streams as fast as one can ends the connection long before ten thousand", async () => {
  let handled = 0;
  await using server = await start(() => {
    handled++;
  });
  const session = open(server.url);
  await once(session, "connect");
  const ended = closed(session);
  let sent = 0;
  while (!session.destroyed && !session.closed && sent < 20_000) {
    for (let n = 0; n < 50 && !session.destroyed && !session.closed; n++) {
      const stream = silence(session.request({ ":path": "/" }));
      stream.close(constants.NGHTTP2_CANCEL);
      sent++;
    }
    await setTimeout(0);
  }
  await ended;

  expect(handled).toBeLessThan(4_000);
});

test("an answer that is not read is given up, over HTTP/2 and HTTP/1.1", async () => {
  const large = Buffer.alloc(16 * 1024 * 1024);
  const cut: string[] = [];
  await using server = await start(
    (request, response) => {
      response.once("close", () => cut.push(request.httpVersion));
      response.end(large);
    },
    { connectionLimits: short },
  );
  const session = open(server.url, { initialWindowSize: 0 });
  const stream = silence(session.request({ ":path": "/" }));
  const socket = await connectPlain(server.port);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: here\r\n\r\n");

  await expect.poll(() => cut.toSorted()).toEqual(["1.1", "2.0"]);
  stream.destroy();
  session.destroy();
  socket.destroy();
});

test("a request that does not come in completely is ended, over HTTP/2 and HTTP/1.1", async () => {
  await using server = await start(
    (request, response) => {
      request.on("end", () => response.end("all of it")).resume();
    },
    { connectionLimits: short },
  );
  const session = open(server.url);
  const stream = silence(session.request({ ":method": "POST", ":path": "/" }, { endStream: false }));
  stream.write("a beginning");
  const [headers] = await once(stream, "response");
  const socket = await connectPlain(server.port);
  socket.write("POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\na beginning");
  const gone = closed(socket);
  socket.resume();

  expect(headers[":status"]).toBe(408);
  await gone;
  stream.destroy();
  session.destroy();
});

test("a connection of HTTP/2 without requests is closed, however often it pings", async () => {
  await using server = await start(hello, { connectionLimits: short });
  const session = open(server.url);
  await once(session, "connect");
  const pings = setInterval(() => {
    if (!session.destroyed) {
      session.ping(() => {});
    }
  }, 50);

  await closed(session);
  clearInterval(pings);
});

test("a connection of HTTP/1.1 that was used, and is idle, is closed", async () => {
  await using server = await start(hello, { connectionLimits: short });
  const { socket, admitted } = await isAdmitted(server.port);
  expect(admitted).toBe(true);

  socket.resume();
  await closed(socket);
});

test("a request that waits for its answer, and a stream that is quiet, live longer than all of these times", async () => {
  const longMs = 4 * Math.max(short.idleTimeoutMs, short.requestTimeoutMs, short.stalledAnswerMs);
  await using server = await start(
    async (request, response) => {
      if (request.url === "/stream") {
        response.write("first ");
      }
      await setTimeout(longMs);
      response.end("last");
    },
    { connectionLimits: short },
  );
  const session = open(server.url);
  const overHttp2 = async (path: string) => {
    const stream = session.request({ ":path": path });
    let text = "";
    for await (const chunk of stream) {
      text += String(chunk);
    }
    return text;
  };
  const overHttp1 = async (path: string) => (await fetch(`${server.url}${path}`)).text();

  const answers = await Promise.all([overHttp2("/"), overHttp2("/stream"), overHttp1("/"), overHttp1("/stream")]);

  expect(answers).toEqual(["last", "first last", "last", "first last"]);
  session.destroy();
});

describe("a client that leaves is noticed at once, and not when a time is up", async () => {
  const authority = await createAuthority();
  await using folder = await createSecretFolder(await secretOf(authority, "localhost"));
  const files = { TLS_CERT_FILE: folder.path("tls.crt"), TLS_KEY_FILE: folder.path("tls.key"), TLS_CA_FILE: undefined };
  const tls = openTls({ config: { ...files, TLS_CLIENT_AUTH: "none" }, log: silentLog });
  afterAll(() => tls?.[Symbol.dispose]());
  const handlers: Record<string, RequestListener> = {
    "waits for its answer": () => {},
    "does not read its answer": (_request, response) => void response.end(Buffer.alloc(4 * 1024 * 1024)),
    "reads an event stream": (_request, response) => void response.write("event"),
    "sends a body that nobody reads": () => {},
    "is refused before its body is read": (_request, response) => void response.writeHead(413).end(),
  };
  const leave: Record<string, (socket: Socket, session: ClientHttp2Session) => void> = {
    "closes its session": (_socket, session) => session.destroy(),
    "ends its connection": (socket) => void socket.end(),
    "resets its connection": (socket) => void socket.resetAndDestroy(),
  };
  const cases = Object.keys(handlers).flatMap((state) =>
    Object.keys(leave).flatMap((how) => [false, true].map((isTls) => [state, how, isTls] as const)),
  );

  test.each(cases)("%s and %s (over TLS: %s)", async (state, how, isTls) => {
    let under = 0;
    let begun = 0;
    await using server = await start(
      (request, response) => {
        under++;
        begun++;
        response.once("close", () => under--);
        handlers[state]!(request, response);
      },
      { tls: isTls ? tls : undefined },
    );
    const socket = silence(connectTcp(server.port, "127.0.0.1"));
    const session = connect(`http${isTls ? "s" : ""}://localhost:${server.port}`, {
      createConnection: () => (isTls ? connectTls({ socket, ca: authority.cert, ALPNProtocols: ["h2"] }) : socket),
    });
    session.on("error", () => {});
    const stream = silence(session.request({ ":method": "POST" }));
    const answered = /waits|body that/.test(state) ? undefined : once(stream, "response");
    if (/body/.test(state)) {
      stream.write(Buffer.alloc(512 * 1024));
    } else {
      stream.end();
    }
    await expect.poll(() => begun).toBe(1);
    await answered;

    leave[how]!(socket, session);

    await expect.poll(() => [under, server.connections()], { timeout: 20_000 }).toEqual([0, 0]);
  });
});

describe("too many connections", () => {
  test("of one address are refused, and admitted again when others have closed", async () => {
    let refused = 0;
    await using server = await start(hello, {
      connectionLimits: { ...publicConnections, connectionsPerAddress: 3 },
      onRefused: () => {
        refused++;
      },
    });
    const first = await Promise.all([1, 2, 3].map(() => isAdmitted(server.port)));
    const fourth = await isAdmitted(server.port);

    expect(first.map(({ admitted }) => admitted)).toEqual([true, true, true]);
    expect(fourth.admitted).toBe(false);
    expect(refused).toBe(1);

    first[0]?.socket.destroy();
    await expect.poll(() => server.connections()).toBe(2);
    const again = await isAdmitted(server.port);
    expect(again.admitted).toBe(true);
    for (const { socket } of [...first, again]) {
      socket.destroy();
    }
  });

  test("of a trusted proxy are taken up to the limit of all", async () => {
    await using server = await start(hello, {
      connectionLimits: { ...publicConnections, connectionsPerAddress: 1, connections: 3 },
      trustedProxies: ["127.0.0.0/8"],
    });
    const opened = [];
    for (let n = 0; n < 4; n++) {
      opened.push(await isAdmitted(server.port));
    }

    expect(opened.map(({ admitted }) => admitted)).toEqual([true, true, true, false]);
    for (const { socket } of opened) {
      socket.destroy();
    }
  });
});
