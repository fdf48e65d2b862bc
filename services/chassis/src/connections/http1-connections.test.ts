import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { expect, test } from "vitest";
import { closed, open } from "../testing/connection-tests.ts";
import { type Http1Connections, trackHttp1 } from "./http1-connections.ts";

const hello: RequestListener = (_request, answer) => {
  answer.end("hello");
};
const get = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

test("from the announcement on each answer says that its connection is closed, and closes it", async () => {
  const requested = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  await using server = await start(async (request, answer) => {
    if (request.url === "/slow") {
      requested.resolve();
      await proceed.promise;
    }
    answer.writeHead(200, { "x-own": "a" }).end("hello");
  });
  const before = open(server.port);
  expect(await answerOn(before, get)).not.toContain("Connection: close");
  const underWay = open(server.port);
  underWay.write("GET /slow HTTP/1.1\r\nHost: here\r\n\r\n");
  await requested.promise;

  server.connections.announceEnd();
  proceed.resolve();

  expect(await answerOn(before, get)).toMatch(/^HTTP\/1.1 200 OK\r\nconnection: close\r\nx-own: a\r\n/i);
  expect(await answerOn(underWay, "")).toMatch(/connection: close\r\n/i);
  expect(await answerOn(open(server.port), get)).toMatch(/connection: close\r\n/i);
  await Promise.all([before, underWay].map(closed));
});

test.each([
  ["has sent nothing yet", ""],
  ["has begun a request", get.slice(0, 10)],
  ["has sent half a body", "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhalf"],
])("a request is served on a connection that %s when the end begins", async (_, sent) => {
  await using server = await start((request, answer) => {
    request.resume().on("end", () => answer.end("hello"));
  });
  const socket = open(server.port);
  await once(socket, "connect");
  const whole = sent === "" ? get : sent;
  await server.sees(socket, sent);
  const ended = server.connections.end({ graceMs: 60_000, limitMs: 60_000 });

  const rest = sent.startsWith("POST") ? "a body" : whole === sent ? get.slice(sent.length) : get;
  expect(await answerOn(socket, rest)).toMatch(/^HTTP\/1.1 200 OK/);
  await ended;
});

test("after the grace idle connections are closed, and those on which a request has begun are served", async () => {
  await using server = await start(hello);
  const idle = open(server.port);
  await answerOn(idle, get);
  const silent = open(server.port);
  await once(silent, "connect");
  const begun = open(server.port);
  await answerOn(begun, get);
  await server.sees(begun, "GET / HT");

  const ended = server.connections.end({ graceMs: 0, limitMs: 60_000 });
  await Promise.all([idle, silent].map(closed));

  expect(await answerOn(begun, "TP/1.1\r\nHost: here\r\n\r\n")).toMatch(/connection: close\r\n/i);
  await ended;
});

test("an answer that takes longer than the grace is sent completely, and its connection closed", async () => {
  const proceed = Promise.withResolvers<void>();
  const large = "x".repeat(4 * 1024 * 1024);
  await using server = await start(async (_request, answer) => {
    answer.writeHead(200, { "content-length": large.length });
    answer.write("x");
    await proceed.promise;
    answer.end(large.slice(1));
  });
  const socket = open(server.port);
  socket.write(get);
  await once(socket, "readable");
  const ended = server.connections.end({ graceMs: 0, limitMs: 60_000 });
  proceed.resolve();

  expect((await answerOn(socket, "")).split("\r\n\r\n")[1]?.length).toBe(large.length);
  await ended;
});

test("what does not end is cut off at the limit", async () => {
  await using server = await start(() => {});
  const socket = open(server.port);
  socket.write(get);
  await once(server.server, "request");

  await server.connections.end({ graceMs: 0, limitMs: 10 });
  await closed(socket);
});

async function start(listener: RequestListener) {
  const server = createServer(listener);
  const connections: Http1Connections = trackHttp1(server);
  const accepted = new Map<number | undefined, Socket>();
  server.on("connection", (socket) => {
    connections.add(socket);
    accepted.set(socket.remotePort, socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    connections,
    port: (server.address() as AddressInfo).port,
    /** Sends this, and resolves when the server has read it. */
    async sees(socket: Socket, text: string): Promise<void> {
      const { localPort } = socket;
      await expect.poll(() => accepted.has(localPort)).toBe(true);
      const before = accepted.get(localPort)?.bytesRead ?? 0;
      socket.write(text);
      await expect.poll(() => accepted.get(localPort)?.bytesRead).toBe(before + text.length);
    },
    [Symbol.asyncDispose]: () => connections.end({ graceMs: 0, limitMs: 0 }),
  };
}

/** Sends this, and returns what comes back: up to the end of a short answer, or of the connection. */
async function answerOn(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  let answer = "";
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) {
      answer += chunk;
    }
    const [head = "", body] = answer.split("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 5);
    if ((body !== undefined && body.length >= length) || socket.readableEnded || socket.destroyed) {
      return answer;
    }
    // Whichever does not come leaves no listener behind.
    const others = new AbortController();
    await Promise.race(["readable", "end", "close"].map((name) => once(socket, name, { signal: others.signal })));
    others.abort();
  }
}
