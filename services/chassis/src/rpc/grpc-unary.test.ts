import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { credentials, Client as GrpcClient, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { callContext } from "../context.ts";
import { DomainError, defineReasons, errorInfo } from "../errors.ts";
import { EchoService, NoteSchema } from "../testing/echo-service.ts";
import { frame, rawCall } from "../testing/raw-call.ts";
import { startEcho } from "../testing/test-server.ts";
import type { ServerOptions } from "./server.ts";

const reasons = defineReasons({ OUT_OF_STOCK: Code.FailedPrecondition });
const path = `/${EchoService.typeName}/Repeat`;

// A unary gRPC call is served by one of two paths. Whatever holds for one of them holds for the other.
describe.each<[string, Partial<ServerOptions>]>([
  ["on http2's streams", {}],
  ["by Connect's adapter", { withoutFastPath: true }],
])("a unary gRPC call, served %s,", (_, options) => {
  const closing: AsyncDisposable[] = [];

  afterEach(async () => {
    for (const part of closing.splice(0).reverse()) {
      await part[Symbol.asyncDispose]();
    }
  });

  test("is answered", async () => {
    const { client } = await start({ repeat: ({ text, number }) => ({ text, number: number + 1n }) });

    expect(await client.repeat({ text: "ä€😀", number: 41n })).toMatchObject({ text: "ä€😀", number: 42n });
  });

  test("may be answered by an empty message", async () => {
    const { client } = await start({ repeat: () => ({}) });

    expect(await client.repeat({ text: "a" })).toMatchObject({ text: "", number: 0n });
  });

  test("gets its own answer among a thousand at once", async () => {
    const { client } = await start({ repeat: (note) => note });
    const numbers = Array.from({ length: 1_000 }, (_, index) => BigInt(index));

    const answers = await Promise.all(
      numbers.map((number) => client.repeat({ text: "a", number }, { timeoutMs: 60_000 })),
    );

    expect(answers.map(({ number }) => number)).toEqual(numbers);
  });

  test("fails with the reason of its domain error", async () => {
    const { client } = await start({
      repeat: () => Promise.reject(new DomainError(reasons, "OUT_OF_STOCK", "“a” is sold out", { product_id: "a" })),
    });

    expect(await client.repeat({ text: "a" }).catch(errorInfo)).toEqual({
      code: Code.FailedPrecondition,
      reason: "OUT_OF_STOCK",
      domain: "echo.sagacart",
      metadata: { product_id: "a" },
      message: "“a” is sold out",
      violations: [],
    });
  });

  test("fails with the rules that it violates", async () => {
    const { client } = await start({ repeat: (note) => note });

    expect(await client.repeat({}).catch(errorInfo)).toEqual({
      code: Code.InvalidArgument,
      reason: "INVALID_ARGUMENT",
      domain: "echo.sagacart",
      metadata: {},
      message: "text: must be at least 1 characters [string.min_len]",
      violations: [{ field: "text", ruleId: "string.min_len", message: "must be at least 1 characters" }],
    });
  });

  test("fails with INTERNAL and its request id when the handler has a bug", async () => {
    const { client } = await start({
      repeat() {
        throw new TypeError("x is undefined");
      },
    });

    const error = await client.repeat({ text: "a" }, { headers: { "x-request-id": "r-1" } }).catch(errorInfo);

    expect(error).toMatchObject({ code: Code.Internal, message: "internal error, request r-1" });
  });

  test("fails with UNIMPLEMENTED when there is no handler", async () => {
    const { client } = await start({});

    expect(await client.repeat({ text: "a" }).catch(errorInfo)).toMatchObject({
      code: Code.Unimplemented,
      reason: "UNIMPLEMENTED",
      message: "sagacart.chassis.test.v1.EchoService.Repeat is not implemented",
    });
  });

  test("has its context, even after an await", async () => {
    const seen: unknown[] = [];
    const { client } = await start({
      async repeat(note) {
        seen.push(callContext());
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(callContext());
        return note;
      },
    });
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    await client.repeat({ text: "a" }, { headers: { "x-request-id": "r-1", traceparent } });

    const context = { requestId: "r-1", traceparent, deadlineMs: expect.any(Number) };
    expect(seen).toEqual([context, context]);
  });

  test("gives its handler all of Connect's context", async () => {
    let seen: HandlerContext | undefined;
    let timeoutMs: number | undefined;
    const key = createContextKey("default");
    const { client, server } = await start({
      repeat(note, context) {
        seen = context;
        timeoutMs = context.timeoutMs();
        context.values.set(key, "set");
        return note;
      },
    });

    await client.repeat({ text: "a" }, { timeoutMs: 5_000, headers: { "x-colour": "blue", "x-raw-bin": "AAH/" } });

    expect(seen).toMatchObject({ protocolName: "grpc", requestMethod: "POST", url: `http://${server.address}${path}` });
    expect([seen?.service, seen?.method]).toEqual([EchoService, EchoService.method.repeat]);
    expect(seen?.requestHeader.get("x-colour")).toBe("blue");
    expect(seen?.requestHeader.get("x-raw-bin")).toBe("AAH/");
    expect(seen?.values.get(key)).toBe("set");
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(5_000);
  });

  test("has no timeout if the caller sets none", async () => {
    let timeoutMs: number | undefined = 0;
    const { server } = await start({
      repeat(note, context) {
        timeoutMs = context.timeoutMs();
        return note;
      },
    });

    await rawCall(server.address, { ":path": path }, note("a"));

    expect(timeoutMs).toBeUndefined();
  });

  test("sends the headers and trailers of its handler, with an error too", async () => {
    const { server } = await start({
      repeat({ text }, { responseHeader, responseTrailer }) {
        responseHeader.set("x-colour", "blue");
        responseTrailer.set("x-size", "small");
        if (text === "fail") {
          throw new DomainError(reasons, "OUT_OF_STOCK", "sold out");
        }
        return {};
      },
    });

    const good = await rawCall(server.address, { ":path": path }, note("a"));
    const bad = await rawCall(server.address, { ":path": path }, note("fail"));

    expect(good.headers).toMatchObject({ ":status": 200, "x-colour": "blue" });
    expect(good.headers["content-type"]).toMatch(/^application\/grpc/);
    expect(good.trailers).toMatchObject({ "grpc-status": "0", "x-size": "small" });
    expect({ ...bad.headers, ...bad.trailers }).toMatchObject({
      "grpc-status": "9",
      "x-colour": "blue",
      "x-size": "small",
    });
  });

  test("aborts the handler's signal at the deadline", async () => {
    const reason = Promise.withResolvers<unknown>();
    const { server } = await start({
      repeat: (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reason.resolve(signal.reason);
            reject(new DOMException("aborted", "AbortError"));
          });
        }),
    });

    // No client that gives up first.
    const { headers, trailers } = await rawCall(server.address, { ":path": path, "grpc-timeout": "30m" }, note("a"));

    expect(ConnectError.from(await reason.promise).code).toBe(Code.DeadlineExceeded);
    expect({ ...headers, ...trailers }).toMatchObject({ "grpc-status": "4" });
  });

  test("aborts the handler's signal when the caller disconnects", async () => {
    const { client, entered, aborted } = await startWaiting();
    const abort = new AbortController();
    const call = client.repeat({ text: "a" }, { signal: abort.signal }).catch(errorInfo);
    await entered;

    abort.abort();

    expect(await call).toMatchObject({ code: Code.Canceled });
    expect(await aborted).toBeInstanceOf(Error);
  });

  test("aborts the handler's signal when the server shuts down", async () => {
    const { client, server, entered, aborted } = await startWaiting();
    const call = client.repeat({ text: "a" }).catch(errorInfo);
    await entered;

    await server.server.drain(10);

    expect(errorInfo(await aborted)).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(await call).toMatchObject({ code: Code.Unavailable });
  });

  test("aborts the handler's signal when it has ended", async () => {
    let signal: AbortSignal | undefined;
    const { client } = await start({
      repeat(note, context) {
        signal = context.signal;
        return note;
      },
    });

    await client.repeat({ text: "a" });

    await expect.poll(() => signal?.aborted, { interval: 1 }).toBe(true);
  });

  test("an answer to a disconnected caller is dropped without an error", async () => {
    const finish = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const { client, server } = await start({
      async repeat(note) {
        if (note.text === "slow") {
          entered.resolve();
          await finish.promise;
          setImmediate(ended.resolve);
        }
        return note;
      },
    });
    const abort = new AbortController();
    const call = client.repeat({ text: "slow" }, { signal: abort.signal }).catch(errorInfo);
    await entered.promise;
    abort.abort();
    await call;

    finish.resolve();
    await ended.promise;

    expect(await client.repeat({ text: "a" })).toMatchObject({ text: "a" });
    expect(server.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("that arrives after its deadline is refused", async () => {
    let begun = false;
    const { server } = await start({
      repeat(note) {
        begun = true;
        return note;
      },
    });

    const { headers, trailers } = await rawCall(server.address, { ":path": path, "grpc-timeout": "0n" }, note("a"));

    expect({ ...headers, ...trailers }).toMatchObject({ "grpc-status": "4" });
    expect(begun).toBe(false);
  });

  test("is refused if larger than 2 MiB, and not at exactly 2 MiB", async () => {
    const { server } = await start({ repeat: (note) => note });
    const limit = 2 * 1024 * 1024;

    const allowed = await rawCall(server.address, { ":path": path }, frame(padded(limit)));
    const refused = await rawCall(server.address, { ":path": path }, frame(padded(limit + 1)));

    expect({ ...allowed.headers, ...allowed.trailers }).toMatchObject({ "grpc-status": "0" });
    expect({ ...refused.headers, ...refused.trailers }).toMatchObject({ "grpc-status": "8" });
  });

  test("answered with more than 4 MiB fails", async () => {
    const { client } = await start({ repeat: () => ({ text: "a".repeat(4 * 1024 * 1024) }) });

    expect(await client.repeat({ text: "a" }).catch(errorInfo)).toMatchObject({ code: Code.ResourceExhausted });
  });

  test("may come in pieces", async () => {
    const { server } = await start({ repeat: (note) => note });

    // Some forty frames of HTTP/2.
    const answer = await rawCall(server.address, { ":path": path }, frame(padded(600_000)));

    expect(answer.trailers).toMatchObject({ "grpc-status": "0" });
    expect(answer.body.subarray(5, 8)).toEqual(Buffer.from([0x0a, 1, 0x61]));
  });

  test("compressed with gzip is understood", async () => {
    const { server } = await start({ repeat: (note) => note });
    const client = new GrpcClient(server.address, credentials.createInsecure(), {
      "grpc.default_compression_algorithm": 2,
    });

    const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
      const plain = (bytes: Buffer) => bytes;
      const bytes = Buffer.from(
        toBinary(NoteSchema, { $typeName: NoteSchema.typeName, text: "aaaaaaaaaaaa", number: 0n }),
      );
      client.makeUnaryRequest(path, plain, plain, bytes, (error, value) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    client.close();

    expect(answer?.subarray(2).toString()).toBe("aaaaaaaaaaaa");
  });

  test.each<[string, Record<string, string>, Buffer, number | undefined]>([
    ["with an unknown compression", { "grpc-encoding": "snappy" }, frame(Buffer.alloc(0), 1), status.UNIMPLEMENTED],
    ["compressed without saying how", {}, frame(Buffer.from([0x0a, 1, 0x61]), 1), status.INTERNAL],
    ["without a message", {}, Buffer.alloc(0), status.UNIMPLEMENTED],
    ["with two messages", {}, Buffer.concat([note("a"), note("b")]), status.UNIMPLEMENTED],
    ["that ends within its message", {}, note("abc").subarray(0, 7), status.INVALID_ARGUMENT],
    ["that ends within its prefix", {}, note("abc").subarray(0, 3), status.INVALID_ARGUMENT],
    ["of bytes that are no message", {}, frame(Buffer.from([0xff, 0xff, 0xff])), status.INTERNAL],
    ["with a timeout that is none", { "grpc-timeout": "soon" }, note("a"), status.INVALID_ARGUMENT],
  ])("%s is refused", async (_, headers, body, expected) => {
    let begun = false;
    const { server } = await start({
      repeat(note) {
        begun = true;
        return note;
      },
    });

    const answer = await rawCall(server.address, { ":path": path, ...headers }, body);

    expect({ ...answer.headers, ...answer.trailers }).toMatchObject({
      ":status": 200,
      "grpc-status": String(expected),
    });
    expect(begun).toBe(false);
  });

  test.each([
    ["to a path that is not there", { ":path": "/no.such.Service/Method" }, 404],
    ["of another content type", { ":path": path, "content-type": "text/plain" }, 415],
    ["with another HTTP method", { ":path": path, ":method": "PUT" }, 405],
  ])("%s is not gRPC's matter", async (_, headers, httpStatus) => {
    const { server } = await start({ repeat: (note) => note });

    const answer = await rawCall(server.address, headers, note("a"));

    expect(answer.headers[":status"]).toBe(httpStatus);
  });

  test("is counted and logged by its code", async () => {
    const { client, server } = await start({ repeat: (note) => note });

    await client.repeat({ text: "a" }, { headers: { "x-request-id": "r-1" } });
    await client.repeat({}, { headers: { "x-request-id": "r-2" } }).catch(() => {});

    expect(server.lines.filter(({ msg }) => msg === "call")).toMatchObject([
      { level: "debug", requestId: "r-1", rpc: `${EchoService.typeName}/Repeat`, code: "ok", ms: expect.any(Number) },
      { level: "info", requestId: "r-2", rpc: `${EchoService.typeName}/Repeat`, code: "invalid_argument" },
    ]);
    expect(await server.metrics.metrics()).toContain(
      `rpc_server_duration_seconds_count{rpc_service="${EchoService.typeName}",rpc_method="Repeat",code="ok"} 1`,
    );
  });

  async function start(echo: Partial<ServiceImpl<typeof EchoService>>) {
    const server = await startEcho(echo, options);
    const channel = openChannel(server.address);
    closing.push(server, { [Symbol.asyncDispose]: async () => channel.close() });
    return { server, client: createServiceClient(EchoService, channel) };
  }

  /** A handler that waits for its signal. */
  async function startWaiting() {
    const entered = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<unknown>();
    const started = await start({
      repeat: (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted.resolve(signal.reason);
            reject(signal.reason);
          });
          entered.resolve();
        }),
    });
    return { ...started, entered: entered.promise, aborted: aborted.promise };
  }
});

function note(text: string): Buffer {
  return frame(toBinary(NoteSchema, { $typeName: NoteSchema.typeName, text, number: 0n }));
}

/** A note of this size: its text is "a", and the rest is an unknown field. */
function padded(bytes: number): Buffer {
  const rest = bytes - 7;
  // Field 3, bytes, with the length as a varint of three or four bytes.
  const length: number[] = [];
  for (let left = rest; length.length < 3; left = Math.floor(left / 128)) {
    length.push((left % 128) + (length.length < 2 ? 128 : 0));
  }
  return Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x1a, ...length]), Buffer.alloc(rest)]);
}
