import { gzipSync } from "node:zlib";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EchoService } from "../testing/echo-service.ts";
import { frame, type RawAnswer, rawCall } from "../testing/raw-call.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let handled = 0;
beforeAll(async () => {
  server = await startEcho({
    repeat: (note) => count(note),
    read: (note) => count(note),
    async *watch(note) {
      yield count(note);
    },
  });
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  handled = 0;
});

function count<T>(note: T): T {
  handled++;
  return note;
}

const path = (method: string) => `/sagacart.chassis.test.v1.EchoService/${method}`;
const post = (method: string, type: string, body: Buffer, headers: Record<string, string> = {}) =>
  rawCall(server.address, { ":path": path(method), "content-type": type, ...headers }, body);
const get = (query: Record<string, string>) =>
  rawCall(
    server.address,
    {
      ":method": "GET",
      "content-type": "application/json",
      ":path": `${path("Read")}?${new URLSearchParams({ connect: "v1", encoding: "json", ...query })}`,
    },
    Buffer.alloc(0),
  );

/** Each way in which JSON comes to a service. */
const ways: Record<string, (json: Buffer) => Promise<RawAnswer>> = {
  Connect: (json) => post("Repeat", "application/json", json),
  "Connect with a charset": (json) => post("Repeat", "application/json; charset=utf-8", json),
  "Connect, compressed": (json) => post("Repeat", "application/json", gzipSync(json), { "content-encoding": "gzip" }),
  "Connect by GET": (json) => get({ message: json.toString() }),
  "Connect by GET, in base64": (json) => get({ message: json.toString("base64url"), base64: "1" }),
  "Connect by GET, compressed": (json) =>
    get({ message: gzipSync(json).toString("base64url"), base64: "1", compression: "gzip" }),
  "a stream of Connect's": (json) => post("Watch", "application/connect+json", frame(json)),
  "a stream of Connect's, compressed": (json) =>
    post("Watch", "application/connect+json", frame(gzipSync(json), 1), { "connect-content-encoding": "gzip" }),
  gRPC: (json) => post("Repeat", "application/grpc+json", frame(json)),
  "gRPC, compressed": (json) =>
    post("Repeat", "application/grpc+json", frame(gzipSync(json), 1), { "grpc-encoding": "gzip" }),
  "a stream of gRPC's": (json) => post("Watch", "application/grpc+json", frame(json)),
  "gRPC-Web": (json) => post("Repeat", "application/grpc-web+json", frame(json)),
};

describe.each(Object.entries(ways))("over %s", (_name, send) => {
  const textOf = ({ headers, trailers, body }: RawAnswer) =>
    decodeURIComponent(`${body} ${JSON.stringify({ headers, trailers })}`);

  test.each(['{"text":"a","number":"0x64"}', '{"text":"a","number":" 5 "}', '{"text":"a","number":9007199254740993}'])(
    "%s is refused, by its field",
    async (json) => {
      const text = textOf(await send(Buffer.from(json)));
      expect(text).toContain("number: must be ");
      expect(text).toMatch(/invalid_argument|"grpc-status":"3"|grpc-status: 3/);
      expect(handled).toBe(0);
    },
  );

  test.each(['{"text":"a","number":"100"}', '{"text":"a","number":100}', '{"text":"a","unknown":1}', '{"text":"a"}'])(
    "%s is taken",
    async (json) => {
      expect(textOf(await send(Buffer.from(json)))).not.toContain("must be ");
      expect(handled).toBe(1);
    },
  );

  test.each(["", "{", "[]", "\xff", "null"])("%j is refused", async (json) => {
    await send(Buffer.from(json, "latin1"));
    expect(handled).toBe(0);
  });
});

const clients = {
  Connect: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2", useHttpGet: true }),
  "gRPC with JSON": (baseUrl: string) => createGrpcTransport({ baseUrl, useBinaryFormat: false }),
  "gRPC-Web with JSON": (baseUrl: string) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
};

test.each(Object.entries(clients))("a generated client of %s is understood", async (_name, open) => {
  const client = createClient(EchoService, open(`http://${server.address}`));
  const note = { text: "a", number: 2n ** 63n - 1n };
  expect(await client.repeat(note)).toMatchObject(note);
  expect(await client.read(note)).toMatchObject(note);
  for await (const answer of client.watch(note)) {
    expect(answer).toMatchObject(note);
  }
});

test("a request that is too large is the handler's to refuse, and a header that it repeats is short", async () => {
  const large = Buffer.from(JSON.stringify({ text: "x".repeat(3 * 1024 * 1024) }));
  expect((await post("Repeat", "application/json", large)).body.toString()).toContain("resource_exhausted");
  const long = "x".repeat(10_000);
  const connect = await post("Repeat", "application/json", Buffer.from("{}"), { "content-encoding": long });
  const grpc = await post("Repeat", "application/grpc", frame(Buffer.alloc(0)), { "grpc-encoding": long });
  expect(connect.body.toString()).toContain("unimplemented");
  expect(`${grpc.headers["grpc-status"]}${grpc.trailers["grpc-status"]}`).toContain("12");
  expect(JSON.stringify([connect.body.toString(), grpc.headers, grpc.trailers]).length).toBeLessThan(2_000);
});
