import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health } from "@sagacart/proto/grpc/health/v1/health";
import { ServerReflection } from "@sagacart/proto/grpc/reflection/v1/reflection";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicServices } from "../services.ts";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { isPublic } from "./connect.ts";

// The cases of gRPC over HTTP/2 that clients of other languages depend on, at the gateway and at a service, frame by frame.

const cleanup = new AsyncDisposableStack();
let gateway: TestGateway;
let standIn: StandIn;

beforeAll(async () => {
  standIn = cleanup.use(await startStandIn());
  gateway = cleanup.use(await startTestGateway(standIn.address));
});
afterAll(() => cleanup.disposeAsync());

type Answer = {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: Buffer;
  /** True if the frame of headers ended the stream. */
  readonly trailersOnly: boolean;
};

/** Sends a call, and reads its answer frame by frame. */
async function call(origin: string, path: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const session = connect(origin);
  try {
    const stream: ClientHttp2Stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.end(body);
    return await new Promise<Answer>((resolve, reject) => {
      let received: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders | undefined;
      let trailersOnly = false;
      const chunks: Buffer[] = [];
      stream.on("response", (answer, flags) => {
        received = answer;
        // END_STREAM.
        trailersOnly = (flags & 0x1) === 0x1;
      });
      stream.on("trailers", (found) => {
        trailers = found;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => resolve({ headers: received, trailers, body: Buffer.concat(chunks), trailersOnly }));
    });
  } finally {
    session.destroy();
  }
}

function statusOf({ headers, trailers }: Answer): string {
  return String(trailers?.["grpc-status"] ?? headers["grpc-status"]);
}

const empty = Buffer.alloc(5);
const origins: readonly (readonly [string, () => string])[] = [
  ["the gateway", () => gateway.url],
  ["a service", () => `http://${standIn.address}`],
];
const product = "/sagacart.stock.v1.ProductService";

test.each([
  ["a method that there is not", `${product}/Nothing`],
  ["a service that there is not", "/sagacart.none.v1.NoService/Get"],
  ["a service of somebody else", "/other.Service/Get"],
  ["an internal method", "/sagacart.order.v1.SagaService/BatchBegin"],
])("the gateway refuses %s with UNIMPLEMENTED in one frame that ends the stream", async (_what, path) => {
  const answer = await call(gateway.url, path, empty);

  expect(statusOf(answer)).toBe("12");
  expect(answer.headers[":status"]).toBe(200);
  expect(answer.headers["content-type"]).toBe("application/grpc");
  expect(answer.trailersOnly).toBe(true);
  expect(answer.body).toHaveLength(0);
});

describe.each(origins)("%s", (_name, origin) => {
  test("answers a unary call with headers, one message, and trailers with the status", async () => {
    standIn.answer("ListProducts", () => ({}));
    const answer = await call(origin(), `${product}/ListProducts`, empty);

    expect(answer.headers[":status"]).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^application\/grpc/);
    expect(answer.trailers?.["grpc-status"]).toBe("0");
    expect(answer.body.subarray(0, 5)).toEqual(empty);
    expect(answer.trailersOnly).toBe(false);
  });

  test.each([
    ["no message", Buffer.alloc(0), {}, "12"],
    ["two messages", Buffer.concat([empty, empty]), {}, "12"],
    ["a compressed message without an encoding", Buffer.from([1, 0, 0, 0, 0]), {}, "13"],
    ["an encoding that is not known", Buffer.from([1, 0, 0, 0, 0]), { "grpc-encoding": "lzma" }, "12"],
    ["a deadline that has passed", empty, { "grpc-timeout": "1n" }, "4"],
  ])("answers %s with a status", async (_what, body, headers: Record<string, string>, status) => {
    expect(statusOf(await call(origin(), `${product}/ListProducts`, body, headers))).toBe(status);
  });

  test.each(["text/plain", "application/graphql"])("refuses the content type %s with 415", async (type) => {
    const answer = await call(origin(), `${product}/ListProducts`, empty, { "content-type": type });
    expect(answer.headers[":status"]).toBe(415);
  });
});

test("the gateway's health is that of what a checkout needs, for each public service", async () => {
  const health = createClient(Health, createGrpcTransport({ baseUrl: gateway.url }));
  await expect.poll(async () => (await health.check({ service: "" })).status).toBe(1);

  expect((await health.check({ service: CartService.typeName })).status).toBe(1);
  await expect(health.check({ service: "sagacart.order.v1.SagaService" })).rejects.toThrow("not_found");
});

test("reflection lists what is public, and describes public methods only", async () => {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: gateway.url }));
  const ask = async (messageRequest: object) => {
    const questions = (async function* () {
      yield { host: "", messageRequest } as never;
    })();
    for await (const { messageResponse } of client.serverReflectionInfo(questions)) {
      return messageResponse;
    }
    throw new Error("no answer");
  };

  const list = await ask({ case: "listServices", value: "" });
  const names = list.case === "listServicesResponse" ? list.value.service.map(({ name }) => name) : [];
  expect(names.filter((name) => name.startsWith("sagacart."))).toEqual(
    [...publicServices.keys()]
      .filter(({ methods }) => methods.some(isPublic))
      .map(({ typeName }) => typeName)
      .sort(),
  );
  expect(names).toContain(Health.typeName);

  const file = await ask({ case: "fileContainingSymbol", value: CartService.typeName });
  const described = file.case === "fileDescriptorResponse" ? file.value.fileDescriptorProto : [];
  const methods = described
    .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
    .flatMap(({ service }) => service)
    .find(({ name }) => name === "CartService")
    ?.method.map(({ name }) => name);
  expect(methods).toEqual(CartService.methods.filter(isPublic).map(({ name }) => name));
  expect(methods?.length).toBeLessThan(CartService.methods.length);

  const internal = await ask({ case: "fileContainingSymbol", value: "sagacart.order.v1.SagaService" });
  expect(internal.case).toBe("errorResponse");
});

const grpcurl = join(homedir(), ".cache/sagacart/grpcurl");

test.runIf(existsSync(grpcurl))("grpcurl lists, describes and calls at the gateway", async () => {
  const run = async (...args: string[]) =>
    (await promisify(execFile)(grpcurl, ["-plaintext", ...args], { timeout: 60_000 })).stdout;
  const at = `127.0.0.1:${gateway.port}`;
  standIn.answer("ListProducts", () => ({}));

  expect(await run(at, "list")).toContain(CartService.typeName);
  expect(await run(at, "describe", CartService.typeName)).toContain("rpc CreateCart");
  expect(JSON.parse(await run("-d", "{}", at, "sagacart.stock.v1.ProductService/ListProducts"))).toEqual({});
  await expect(run("-d", "{}", at, "sagacart.stock.v1.ProductService/Nothing")).rejects.toThrow(
    /does not include|not found/,
  );
});
