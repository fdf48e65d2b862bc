import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, describe, expect, test } from "vitest";
import { errorInfo } from "../errors.ts";
import { EchoService } from "../testing/echo-service.ts";
import { startEcho } from "../testing/test-server.ts";
import { createServiceClient, openChannel } from "./client.ts";

const cleanup = new AsyncDisposableStack();
afterAll(() => cleanup.disposeAsync());

/** Listens on a free port, and does this to each connection. */
async function listener(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup.defer(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The ways in which the process at an address may be no service, and how long a call waits for it. */
const failures: Record<string, { address: () => Promise<string>; timeoutMs: number }> = {
  "refuses connections": { address: async () => "127.0.0.1:1", timeoutMs: 5_000 },
  "has a name that does not exist": { address: async () => "dns:///stock.invalid:8082", timeoutMs: 5_000 },
  "closes connections at once": { address: () => listener((socket) => socket.destroy()), timeoutMs: 1_000 },
  "speaks another protocol": {
    address: () => listener((socket) => socket.end("HTTP/1.1 400 no\r\n\r\n")),
    timeoutMs: 1_000,
  },
  "never answers": { address: () => listener(() => {}), timeoutMs: 300 },
};

/** An address, a port, a host's name, an errno or a word of grpc-js: all that callers must not be told. */
const inner =
  /\d+\.\d+\.\d+\.\d+|:\d{2,5}\b|localhost|\.invalid|E[A-Z]{5,}|RST_STREAM|LB pick|[Rr]esolution|subchannel/;

const protocols = {
  gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl }),
  "gRPC-Web": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  Connect: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" }),
};

describe.each(Object.entries(failures))("a service whose upstream %s", (_name, { address, timeoutMs }) => {
  test("tells its callers no address, unary and in a stream, and its log all of it", async () => {
    using channel = openChannel(await address());
    const upstream = createServiceClient(EchoService, channel);
    await using server = await startEcho({
      repeat: (note) => upstream.repeat(note, { timeoutMs }),
      change: (note) => upstream.change(note, { timeoutMs }),
      async *watch(note) {
        yield* upstream.watch(note, { timeoutMs });
      },
    });
    for (const [protocol, open] of Object.entries(protocols)) {
      const client = createClient(EchoService, open(`http://${server.address}`));
      const errors = [
        await client.repeat({ text: "a" }).catch(ConnectError.from),
        await client.change({ text: "a" }).catch(ConnectError.from),
        await read(client.watch({ text: "a" })).catch(ConnectError.from),
      ];
      for (const error of errors) {
        const { code, reason, message, metadata } = errorInfo(error);
        expect([Code.Unavailable, Code.DeadlineExceeded, Code.Internal], protocol).toContain(code);
        expect(reason).toBe(Code[code]?.replace(/(?<=.)[A-Z]/g, "_$&").toUpperCase());
        expect(`${message} ${JSON.stringify(metadata)}`, protocol).not.toMatch(inner);
      }
    }
    const told = server.lines.filter(({ msg }) => msg === "call");
    expect(told).toHaveLength(9);
    for (const { transport, message } of told) {
      expect(message).not.toMatch(inner);
      expect(transport).toEqual(expect.any(String));
    }
  });
});

test("the error of a call is the transport's for who looks for its cause", async () => {
  using channel = openChannel("127.0.0.1:1");
  const error = await createServiceClient(EchoService, channel).change({ text: "a" }).catch(ConnectError.from);
  expect(error).toMatchObject({ rawMessage: "a service cannot be reached; try again" });
  expect(String((error as ConnectError).cause)).toContain("ECONNREFUSED 127.0.0.1:1");
});

async function read(stream: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of stream) {
    return message;
  }
  return undefined;
}
