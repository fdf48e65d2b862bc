import { once } from "node:events";
import { type ClientHttp2Session, connect, createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { closed } from "../testing/connection-tests.ts";
import { trackSessions } from "./http2-sessions.ts";
import { serviceConnections } from "./limits.ts";

const highestId = 2 ** 31 - 1;

test("the first GOAWAY asks for no more requests, those on their way are served, and the second one names the last", async () => {
  await using server = await start();
  await using client = await open(server.port);
  expect(await client.get()).toBe("hello");

  server.sessions.announceEnd();
  // The client has not read the GOAWAY yet.
  const onTheWay = client.get();
  expect(await onTheWay).toBe("hello");
  await client.closed;

  expect(client.goaways[0]).toBe(highestId);
  expect(client.goaways.at(-1)).toBe(3);
});

test("requests that come after the first GOAWAY are served, until the second", async () => {
  await using server = await start();
  const socket = connectTcp(server.port, "127.0.0.1");
  const frames = readFrames(socket);
  socket.write(Buffer.concat([preface, frame(settings, 0, 0), frame(settings, ack, 0), get(1)]));
  await expect.poll(() => frames.filter(({ stream }) => stream === 1).map(({ type }) => type)).toContain(data);

  server.sessions.announceEnd();
  await expect.poll(() => frames.filter(({ type }) => type === goaway).length).toBe(1);
  socket.write(get(3));
  await expect.poll(() => frames.filter(({ stream }) => stream === 3).map(({ type }) => type)).toContain(data);
  server.sessions.close();

  await closed(socket);
  const lastIds = frames.filter(({ type }) => type === goaway).map(({ payload }) => payload.readUInt32BE(0));
  // Node sends the second one again when it destroys the session.
  expect([...new Set(lastIds)]).toEqual([highestId, 3]);
});

test("a stream that is open goes on after both", async () => {
  await using server = await start();
  await using client = await open(server.port);
  const stream = client.session.request({ ":path": "/stream" });
  await once(stream, "response");
  const answer = (await server.opened.promise) satisfies ServerHttp2Stream;

  server.sessions.announceEnd();
  server.sessions.close();
  await expect.poll(() => client.goaways.length).toBeGreaterThanOrEqual(2);
  answer.end("the end");

  expect(await text(stream)).toBe("begun the end");
  await client.closed;
});

test("a client that connects after the announcement is served, and asked to connect again a little later", async () => {
  await using server = await start();
  server.sessions.announceEnd();
  await using client = await open(server.port);

  expect(await client.get()).toBe("hello");
  expect(client.goaways).toEqual([]);
  await expect.poll(() => client.goaways).toEqual([highestId]);
});

test("while large answers wait to be written, the GOAWAY comes between whole frames", async () => {
  await using server = await start();
  await using client = await open(server.port);
  const sizes = Promise.all(Array.from({ length: 20 }, async () => (await client.get("/large")).length));
  await server.opened.promise;
  server.sessions.announceEnd();

  expect(new Set(await sizes)).toEqual(new Set([large.length]));
  await expect.poll(() => client.goaways[0]).toBe(highestId);
  expect(client.errors).toEqual([]);
});

test("at its age a connection is ended in the same way, and its streams go on", async () => {
  await using server = await start(50);
  await using client = await open(server.port);
  const stream = client.session.request({ ":path": "/stream" });
  await once(stream, "response");
  const answer = (await server.opened.promise) satisfies ServerHttp2Stream;
  await expect.poll(() => client.goaways.length).toBeGreaterThanOrEqual(2);
  answer.end("the end");

  expect(await text(stream)).toBe("begun the end");
  await client.closed;
  expect(client.goaways[0]).toBe(highestId);
});

const large = "x".repeat(1024 * 1024);

async function start(maxAgeMs = 0) {
  const server = createServer({ maxSessionMemory: 256 });
  const sessions = trackSessions(server, { maxAgeMs, limits: serviceConnections });
  const opened = Promise.withResolvers<ServerHttp2Stream>();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
    if (headers[":path"] === "/stream") {
      stream.write("begun ");
    } else {
      stream.end(headers[":path"] === "/large" ? large : "hello");
    }
    opened.resolve(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    sessions,
    opened,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      sessions.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function open(port: number) {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  const goaways: number[] = [];
  const errors: unknown[] = [];
  session.on("error", (error) => errors.push(error));
  session.on("goaway", (_code, lastId) => goaways.push(lastId));
  const closed = once(session, "close");
  await once(session, "remoteSettings");
  return {
    session,
    goaways,
    errors,
    closed,
    async get(path = "/"): Promise<string> {
      return await text(session.request({ ":path": path }));
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
    },
  };
}

// A client that sends on after a GOAWAY, which node's does not.

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const [data, headers, settings, goaway] = [0, 1, 4, 7];
const ack = 1;

function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** GET / of the authority "a", by HPACK's static table, with END_STREAM and END_HEADERS. */
function get(stream: number): Buffer {
  return frame(headers, 0x05, stream, Buffer.from("828684410161", "hex"));
}

function readFrames(socket: Socket) {
  const frames: { type: number; stream: number; payload: Buffer }[] = [];
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      frames.push({ type: rest.readUInt8(3), stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
  });
  return frames;
}
