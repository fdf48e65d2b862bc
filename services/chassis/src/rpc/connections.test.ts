import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { type ConnectionLimits, serviceConnections } from "../connections/limits.ts";
import { closed, http1ConnectionTests, open, shortConnections } from "../testing/connection-tests.ts";
import { EchoService } from "../testing/echo-service.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const noSettings = Buffer.from("000000040000000000", "hex");
/** HEADERS of stream 1 without END_HEADERS: only `:method: POST`. */
const halfHead = Buffer.from("00000101000000000183", "hex");

test.each([
  ["nothing", Buffer.alloc(0)],
  ["half a preface", preface.subarray(0, 8)],
  ["a preface without settings", preface],
  ["a preface, and no request", Buffer.concat([preface, noSettings])],
  ["half the head of a request", Buffer.concat([preface, noSettings, halfHead])],
])(
  "a connection that sends %s is closed",
  async (_, bytes) => {
    await using server = await startEcho({}, { connectionLimits: shortConnections });
    const socket = open(server.server.port);
    socket.write(bytes);
    socket.resume();

    await closed(socket);
  },
  15_000,
);

test("a connection without calls is closed, however often it pings", async () => {
  await using server = await startEcho({}, { connectionLimits: shortConnections });
  const session = openSession(server);
  await once(session, "connect");
  const pings = setInterval(() => {
    if (!session.destroyed) {
      session.ping(() => {});
    }
  }, 50);

  await closed(session);
  clearInterval(pings);
});

test.each([
  ["application/grpc", { ":status": 200, "grpc-status": "4" }],
  ["application/grpc+proto", { ":status": 200, "grpc-status": "4" }],
  ["application/proto", { ":status": 408 }],
])("a request of %s that does not come in completely is ended", async (type, answer) => {
  await using server = await startEcho({ repeat: (note) => note }, { connectionLimits: shortConnections });
  const session = openSession(server);
  const stream = call(session, "Repeat", type);
  stream.write(Buffer.alloc(3));
  const [headers] = await once(stream, "response");

  expect(headers).toMatchObject(answer);
  session.destroy();
});

test("answers that are not read are given up", async () => {
  const text = "a".repeat(1024 * 1024);
  await using server = await startEcho(
    {
      repeat: () => ({ text }),
      async *watch() {
        yield { text };
      },
    },
    { connectionLimits: shortConnections },
  );
  const session = openSession(server, { initialWindowSize: 0 });
  const streams = ["Repeat", "Watch"].map((method) => send(session, method));

  await Promise.all(streams.map(closed));
  expect(streams.map(({ rstCode }) => rstCode)).toEqual([constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL]);
  session.destroy();
});

test("answers that wait to be read take no more than the memory of a connection", async () => {
  let handled = 0;
  await using server = await startEcho(
    {
      repeat() {
        handled++;
        return { text: "a".repeat(1024 * 1024) };
      },
    },
    { connectionLimits: { ...serviceConnections, sessionMemoryMb: 4 } },
  );
  const session = openSession(server, { initialWindowSize: 0 });
  session.setMaxListeners(200);
  for (let n = 0; n < 100 && !session.destroyed; n++) {
    const stream = send(session, "Repeat");
    // Its headers come though its data cannot, or it is refused.
    await Promise.race([once(stream, "response").catch(() => {}), closed(stream), closed(session)]);
  }

  expect(handled).toBeGreaterThan(1);
  expect(handled).toBeLessThan(10);
  session.destroy();
});

test("a connection takes as many calls at a time as configured, and thousands by default", async () => {
  const limitOf = async (connectionLimits?: ConnectionLimits) => {
    await using server = await startEcho({}, connectionLimits === undefined ? {} : { connectionLimits });
    const session = openSession(server);
    await once(session, "remoteSettings");
    session.destroy();
    return session.remoteSettings.maxConcurrentStreams;
  };

  expect(await limitOf({ ...serviceConnections, streamsPerConnection: 7 })).toBe(7);
  expect(await limitOf()).toBe(5_000);
});

test("resetting streams as fast as one can ends the connection", async () => {
  let handled = 0;
  const streamResets = { burst: 200, perSecond: 1 };
  await using server = await startEcho(
    {
      repeat() {
        handled++;
        return new Promise(() => {});
      },
    },
    { connectionLimits: { ...serviceConnections, streamResets } },
  );
  const session = openSession(server);
  await once(session, "connect");
  for (let n = 0; n < 5_000 && !session.destroyed && !session.closed; n++) {
    send(session, "Repeat").close(constants.NGHTTP2_CANCEL);
    if (n % 50 === 0) {
      await setTimeout(0);
    }
  }

  await closed(session);
  expect(handled).toBeLessThan(2_000);
});

test("calls that wait for their answer, and streams that are quiet, live longer than all of these times", async () => {
  const longMs = 4 * shortConnections.requestTimeoutMs;
  await using server = await startEcho(
    {
      async repeat(note) {
        await setTimeout(longMs);
        return note;
      },
      async *watch() {
        yield { number: 1n };
        await setTimeout(longMs);
        yield { number: 2n };
      },
    },
    { connectionLimits: shortConnections },
  );
  using channel = openChannel(server.address);
  const client = createServiceClient(EchoService, channel);
  const watch = async () => {
    const seen: bigint[] = [];
    for await (const { number } of client.watch({ text: "a" })) {
      seen.push(number);
    }
    return seen;
  };

  const answers = await Promise.all([client.repeat({ text: "a" }, { timeoutMs: 60_000 }), watch()]);

  expect(answers).toMatchObject([{ text: "a" }, [1n, 2n]]);
}, 30_000);

test("a client whose idle connection was closed calls again on a new one", async () => {
  await using server = await startEcho({ change: (note) => note }, { connectionLimits: shortConnections });
  using channel = openChannel(server.address);
  const client = createServiceClient(EchoService, channel);
  for (let n = 0; n < 4; n++) {
    await setTimeout(shortConnections.idleTimeoutMs);
    // Not idempotent, and so never tried twice by a client that cannot know.
    expect(await client.change({ text: "a" })).toMatchObject({ text: "a" });
  }
});

test.each([
  ["of one address", { connectionsPerAddress: 2 }],
  ["in all", { connections: 2 }],
])("too many connections %s are refused and counted, and admitted when others have closed", async (_, few) => {
  await using server = await startEcho({}, { connectionLimits: { ...serviceConnections, ...few } });
  const isAdmitted = (session: ClientHttp2Session) =>
    Promise.race([
      once(session, "remoteSettings").then(
        () => true,
        () => false,
      ),
      closed(session).then(() => false),
    ]);
  const sessions = [1, 2, 3].map(() => openSession(server));

  expect(await Promise.all(sessions.map(isAdmitted))).toEqual([true, true, false]);
  expect(await server.metrics.metrics()).toContain("rpc_server_connections_refused_total 1");
  sessions[0]?.destroy();
  await expect
    .poll(async () => {
      const again = openSession(server);
      const admitted = await isAdmitted(again);
      again.destroy();
      return admitted;
    })
    .toBe(true);
  sessions[1]?.destroy();
});

http1ConnectionTests("/metrics", async (connectionLimits) => {
  const echo = await startEcho({}, { connectionLimits });
  const { Gauge } = await import("prom-client");
  new Gauge({ name: "large", help: "x".repeat(32 * 1024 * 1024), registers: [echo.metrics] });
  return { port: echo.server.adminPort, [Symbol.asyncDispose]: () => echo[Symbol.asyncDispose]() };
});

function openSession({ address }: TestServer, settings: { initialWindowSize?: number } = {}): ClientHttp2Session {
  const session = connect(`http://${address}`, { settings });
  session.on("error", () => {});
  return session;
}

/** Begins a call, and leaves its request open. */
function call(session: ClientHttp2Session, method: string, type = "application/grpc"): ClientHttp2Stream {
  const path = `/${EchoService.typeName}/${method}`;
  const stream = session.request(
    { ":method": "POST", ":path": path, "content-type": type, te: "trailers" },
    { endStream: false },
  );
  stream.on("error", () => {});
  return stream;
}

/** Calls with a note whose text is "a". */
function send(session: ClientHttp2Session, method: string): ClientHttp2Stream {
  const stream = call(session, method);
  stream.end(Buffer.from("00000000030a0161", "hex"));
  return stream;
}
