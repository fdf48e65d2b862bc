import { createServer } from "node:net";
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type ServiceImpl } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { credentials, Client as GrpcClient, type ServiceError } from "@grpc/grpc-js";
import { ServerReflection } from "@sagacart/proto/grpc/reflection/v1/reflection";
import { ServerReflection as ServerReflectionV1Alpha } from "@sagacart/proto/grpc/reflection/v1alpha/reflection";
import { expect, test, vi } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { callContext } from "../context.ts";
import { DomainError, defineReasons, errorInfo } from "../errors.ts";
import { EchoService } from "../testing/echo-service.ts";
import { createProxy } from "../testing/proxy.ts";
import { startEcho } from "../testing/test-server.ts";

const reasons = defineReasons({ OUT_OF_STOCK: Code.FailedPrecondition });

const echo: Partial<ServiceImpl<typeof EchoService>> = {
  repeat: ({ text, number }) => ({ text, number: number + 1n }),
  async *watch({ number }) {
    for (let count = 0n; count < number; count++) {
      yield { number: count };
    }
  },
};

const protocols = {
  grpc: (baseUrl: string) => createGrpcTransport({ baseUrl }),
  "grpc-web": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  connect: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "connect with JSON": (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
};

test.each(Object.entries(protocols))("one port speaks %s, unary and streaming", async (_, transport) => {
  await using server = await startEcho(echo);
  const client = createClient(EchoService, transport(`http://${server.address}`));

  expect(await client.repeat({ text: "a", number: 1n })).toMatchObject({ text: "a", number: 2n });
  expect(await numbers(client.watch({ text: "a", number: 3n }))).toEqual([0n, 1n, 2n]);
});

test.each(Object.entries(protocols))("over %s, violated rules are reported as Violations", async (_, transport) => {
  await using server = await startEcho(echo);
  const client = createClient(EchoService, transport(`http://${server.address}`));
  const answer = {
    code: Code.InvalidArgument,
    reason: "INVALID_ARGUMENT",
    domain: "echo.sagacart",
    metadata: {},
    message: "text: must be at most 20 characters [string.max_len]",
    violations: [{ field: "text", ruleId: "string.max_len", message: "must be at most 20 characters" }],
  };

  expect(errorInfo(await client.repeat({ text: "a".repeat(21) }).catch((error) => error))).toEqual(answer);
  expect(errorInfo(await numbers(client.watch({ text: "a".repeat(21) })).catch((error) => error))).toEqual(answer);
});

test("a plain gRPC client sees the Violations in the status details", async () => {
  await using server = await startEcho(echo);
  const client = new GrpcClient(server.address, credentials.createInsecure());

  const error = await new Promise<ServiceError | null>((resolve) => {
    const plain = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(`/${EchoService.typeName}/Repeat`, plain, plain, Buffer.alloc(0), resolve);
  });
  client.close();

  expect(error?.code).toBe(3);
  expect(String(error?.metadata.get("grpc-status-details-bin")[0])).toContain(
    "type.googleapis.com/buf.validate.Violations",
  );
});

test("a domain error arrives with its reason, over gRPC and Connect", async () => {
  await using server = await startEcho({
    repeat() {
      throw new DomainError(reasons, "OUT_OF_STOCK", "product p-1 is sold out", { product_id: "p-1" });
    },
  });

  for (const transport of Object.values(protocols)) {
    const client = createClient(EchoService, transport(`http://${server.address}`));
    expect(errorInfo(await client.repeat({ text: "a" }).catch((error) => error))).toEqual({
      code: Code.FailedPrecondition,
      reason: "OUT_OF_STOCK",
      domain: "echo.sagacart",
      metadata: { product_id: "p-1" },
      message: "product p-1 is sold out",
      violations: [],
    });
  }
});

test("a bug is INTERNAL with the request id, and the log has its cause under that id", async () => {
  await using server = await startEcho({
    repeat() {
      throw new TypeError("stock is undefined");
    },
  });
  using client = clientOf(server);

  const error = await client.repeat({ text: "a" }, { headers: { "x-request-id": "r-1" } }).catch(errorInfo);

  expect(error).toMatchObject({ message: "internal error, request r-1", metadata: { request_id: "r-1" } });
  expect(server.lines).toContainEqual(
    expect.objectContaining({
      level: "error",
      requestId: "r-1",
      rpc: "sagacart.chassis.test.v1.EchoService/Repeat",
      code: "internal",
      error: expect.objectContaining({ type: "TypeError", message: "stock is undefined" }),
    }),
  );
});

test("an error in the middle of a stream is translated like any other", async () => {
  await using server = await startEcho({
    async *watch() {
      yield { number: 1n };
      throw new TypeError("stock is undefined");
    },
  });
  using client = clientOf(server);

  const error = await numbers(client.watch({ text: "a" })).catch(errorInfo);

  expect(error).toMatchObject({ code: Code.Internal, reason: "INTERNAL" });
});

test("a stream that its caller cancels is logged as canceled, and its handler ends", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = await startEcho({
    async *watch() {
      try {
        for (;;) {
          yield {};
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        ended.resolve();
      }
    },
  });
  using client = clientOf(server);
  const abort = new AbortController();
  const stream = client.watch({ text: "a" }, { signal: abort.signal })[Symbol.asyncIterator]();
  await stream.next();

  abort.abort();
  await ended.promise;

  const call = () => server.lines.find(({ msg }) => msg === "call");
  await expect.poll(call, { interval: 1 }).toMatchObject({ level: "info", code: "canceled" });
});

test("a request's values stay out of the log", async () => {
  await using server = await startEcho(echo);
  using client = clientOf(server);

  await client.repeat({ text: "ada@example.org, 1 Main Street" }).catch(() => {});

  expect(server.lines).toContainEqual(
    expect.objectContaining({ code: "invalid_argument", reason: "echo.sagacart/INVALID_ARGUMENT" }),
  );
  expect(JSON.stringify(server.lines)).not.toContain("ada@example.org");
});

test("handlers of calls and streams have the request id, the trace and the deadline", async () => {
  const seen: unknown[] = [];
  await using server = await startEcho({
    repeat: (note) => {
      seen.push(callContext());
      return note;
    },
    async *watch() {
      seen.push(callContext());
      yield {};
      seen.push(callContext());
    },
  });
  using client = clientOf(server);
  const headers = { "x-request-id": "r-1", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
  const before = Date.now();

  await client.repeat({ text: "a" }, { headers, timeoutMs: 60_000 });
  await numbers(client.watch({ text: "a" }, { headers, timeoutMs: 60_000 }));

  const context = { requestId: "r-1", traceparent: headers.traceparent, deadlineMs: expect.any(Number) };
  expect(seen).toEqual([context, context, context]);
  for (const { deadlineMs } of seen as { deadlineMs: number }[]) {
    expect(deadlineMs).toBeGreaterThan(before);
    expect(deadlineMs).toBeLessThanOrEqual(Date.now() + 60_000);
  }
});

test.each(["", "a b", "x".repeat(129), "<script>"])("the request id %j is replaced", async (requestId) => {
  let seen: string | undefined;
  await using server = await startEcho({
    repeat: (note) => {
      seen = callContext()?.requestId;
      return note;
    },
  });
  using client = clientOf(server);

  await client.repeat({ text: "a" }, { headers: { "x-request-id": requestId } });

  expect(seen).toMatch(/^[0-9a-f-]{36}$/);
});

test("at the deadline, the handler's signal is aborted", async () => {
  const reason = Promise.withResolvers<unknown>();
  let hasBegun = false;
  await using server = await startEcho({
    repeat(_, { signal }) {
      hasBegun = true;
      signal.addEventListener("abort", () => reason.resolve(ConnectError.from(signal.reason).code));
      return new Promise(() => {});
    },
  });
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: `http://${server.address}` }));

  // On a busy machine a call's time may be over before its handler begins.
  for (let timeoutMs = 50; !hasBegun; timeoutMs *= 2) {
    const error = await client.repeat({ text: "a" }, { timeoutMs }).catch(errorInfo);
    expect(error).toMatchObject({ code: Code.DeadlineExceeded });
  }
  expect([Code.DeadlineExceeded, Code.Canceled]).toContain(await reason.promise);
});

test("a call that arrives after its deadline is refused", async () => {
  let begun = false;
  await using server = await startEcho({
    repeat: (note) => {
      begun = true;
      return note;
    },
  });
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: `http://${server.address}` }));

  const error = await client.repeat({ text: "a" }, { headers: { "grpc-timeout": "0n" } }).catch(errorInfo);

  expect(error).toMatchObject({ code: Code.DeadlineExceeded, message: expect.any(String) });
  expect(begun).toBe(false);
});

test("a message of more than 2 MiB is refused", async () => {
  await using server = await startEcho(echo);
  using client = clientOf(server);

  const error = await client.repeat({ text: "a".repeat(2 * 1024 * 1024) }).catch(errorInfo);

  expect(error).toMatchObject({ code: Code.ResourceExhausted });
});

test("a missing method is UNIMPLEMENTED", async () => {
  await using server = await startEcho({});
  using client = clientOf(server);

  expect(await client.repeat({ text: "a" }).catch(errorInfo)).toMatchObject({ code: Code.Unimplemented });
});

test("calls are counted and timed by their code", async () => {
  await using server = await startEcho(echo);
  using client = clientOf(server);

  await client.repeat({ text: "a" });
  await client.repeat({}).catch(() => {});
  await numbers(client.watch({ text: "a", number: 1n }));
  const response = await fetch(`http://127.0.0.1:${server.server.adminPort}/metrics`);
  const text = await response.text();

  const count = (method: string, code: string) =>
    `rpc_server_duration_seconds_count{rpc_service="${EchoService.typeName}",rpc_method="${method}",code="${code}"} 1`;
  expect(text).toContain(count("Repeat", "ok"));
  expect(text).toContain(count("Repeat", "invalid_argument"));
  expect(text).toContain(count("Watch", "ok"));
});

test.each([
  ["/health", 200, "alive\n"],
  ["/ready", 200, "serving\n"],
  ["/ready?verbose", 200, "serving\n"],
  ["/", 404, "there are /metrics, /health and /ready\n"],
])("the admin port answers %s with %d", async (path, status, body) => {
  await using server = await startEcho({});
  await server.serving();

  const response = await fetch(`http://127.0.0.1:${server.server.adminPort}${path}`);

  expect([response.status, await response.text()]).toEqual([status, body]);
});

test("a port in use is an error, and nothing stays open", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };

  await expect(startEcho({}, { port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  await expect(startEcho({}, { adminPort: port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  taken.close();
});

test.each([
  ["v1", ServerReflection],
  ["v1alpha", ServerReflectionV1Alpha],
])("reflection %s lists the services and describes them, rules included", async (_, Reflection) => {
  await using server = await startEcho({});
  using channel = openChannel(server.address);
  const client = createServiceClient(Reflection as typeof ServerReflection, channel);
  const answers: unknown[] = [];
  const questions = async function* () {
    yield { messageRequest: { case: "listServices" as const, value: "*" } };
    yield { messageRequest: { case: "fileContainingSymbol" as const, value: `${EchoService.typeName}.Repeat` } };
    yield { messageRequest: { case: "fileByFilename" as const, value: "google/rpc/error_details.proto" } };
    yield { messageRequest: { case: "fileContainingSymbol" as const, value: "no.such.Thing" } };
  };

  for await (const { messageResponse } of client.serverReflectionInfo(questions())) {
    answers.push(messageResponse.value);
  }

  const [list, files, details, error] = answers as [
    { service: { name: string }[] },
    { fileDescriptorProto: Uint8Array[] },
    { fileDescriptorProto: Uint8Array[] },
    unknown,
  ];
  expect(list.service.map(({ name }) => name)).toEqual([
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "sagacart.chassis.test.v1.EchoService",
  ]);
  // With all their imports, so that a client can build a registry of them.
  expect(registryOf(files).getService(EchoService.typeName)?.methods).toHaveLength(6);
  expect(registryOf(files).getMessage("buf.validate.FieldRules")).toBeDefined();
  expect(registryOf(details).getMessage("google.rpc.ErrorInfo")).toBeDefined();
  expect(error).toMatchObject({ errorCode: Code.NotFound, errorMessage: "no.such.Thing is not known here" });
});

test("reflection finds extensions by their number", async () => {
  await using server = await startEcho({});
  using channel = openChannel(server.address);
  const client = createServiceClient(ServerReflection, channel);
  const questions = async function* () {
    const extension = { containingType: "google.protobuf.FieldOptions", extensionNumber: 1159 };
    yield { messageRequest: { case: "fileContainingExtension" as const, value: extension } };
    yield { messageRequest: { case: "allExtensionNumbersOfType" as const, value: "google.protobuf.FieldOptions" } };
  };
  const answers: unknown[] = [];

  for await (const { messageResponse } of client.serverReflectionInfo(questions())) {
    answers.push(messageResponse.value);
  }

  const [files, numbers] = answers as [{ fileDescriptorProto: Uint8Array[] }, { extensionNumber: number[] }];
  expect(registryOf(files).getExtension("buf.validate.field")).toBeDefined();
  expect(numbers.extensionNumber).toContain(1159);
});

test("connections get GOAWAY at their age, and no call is lost", async () => {
  await using server = await startEcho({ change: (note) => note }, { maxConnectionAgeMs: 200 });
  await using proxy = await createProxy({ host: "127.0.0.1", port: server.server.port });
  using client = clientOf({ address: `127.0.0.1:${proxy.port}` });

  // A call that a connection refuses at its end goes to the next one by itself. Change may not be tried again
  // otherwise, so a call that is lost shows.
  while (proxy.accepted < 4) {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => client.change({ text: "a" })));
    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
  }
});

test("a connection that is cut in the middle of a message is logged at debug, and not written to the console", async () => {
  using onConsole = vi.spyOn(console, "error").mockReturnValue();
  await using server = await startEcho({
    async *watch() {
      for (;;) {
        yield { text: "a".repeat(1_000_000) };
      }
    },
  });
  await using proxy = await createProxy({ host: "127.0.0.1", port: server.server.port });
  using client = clientOf({ address: `127.0.0.1:${proxy.port}` });
  const watching = client.watch({ text: "a" })[Symbol.asyncIterator]();
  await watching.next();
  await proxy.cut();
  await expect
    .poll(() => server.lines)
    .toContainEqual(
      expect.objectContaining({
        level: "debug",
        rpc: `${EchoService.typeName}/Watch`,
        msg: "the caller was gone before it had its answer",
      }),
    );
  expect(onConsole).not.toHaveBeenCalled();
});

test("draining lets calls in progress finish, refuses new ones, and ends streams with UNAVAILABLE", async () => {
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  await using server = await startEcho({
    async change(note) {
      entered.resolve();
      await finish.promise;
      return note;
    },
    async *watch() {
      yield {};
      // A handler that does not look at its signal must not hold up the end either.
      await new Promise(() => {});
    },
  });
  using client = clientOf(server);
  const stream = client.watch({ text: "a" })[Symbol.asyncIterator]();
  await stream.next();
  const underWay = client.change({ text: "a" });
  await entered.promise;

  const drained = server.server.drain(10_000);
  const streamEnd = stream.next().catch(errorInfo);
  // One that was on its way is still taken, and waits as the first does.
  await expect
    .poll(() =>
      client.change({ text: "b" }, { timeoutMs: 500 }).then(
        () => "served",
        (error: unknown) => errorInfo(error).code,
      ),
    )
    .toBe(Code.Unavailable);
  finish.resolve();

  expect(await underWay).toMatchObject({ text: "a" });
  expect(await streamEnd).toEqual({
    code: Code.Unavailable,
    reason: "SHUTTING_DOWN",
    domain: "echo.sagacart",
    metadata: {},
    message: "the server is shutting down; try again",
    violations: [],
  });
  await drained;
});

test("calls that do not end in time are cut off", async () => {
  const entered = Promise.withResolvers<void>();
  await using server = await startEcho({
    change: () => {
      entered.resolve();
      return new Promise(() => {});
    },
  });
  using client = clientOf(server);
  const underWay = client.change({ text: "a" }).catch(errorInfo);
  await entered.promise;

  await server.server.drain(20);

  expect(await underWay).toMatchObject({ code: Code.Unavailable });
});

function clientOf({ address }: { address: string }) {
  const channel = openChannel(address);
  const client = createServiceClient(EchoService, channel);
  return Object.assign(client, { [Symbol.dispose]: () => channel.close() });
}

async function numbers(notes: AsyncIterable<{ number: bigint }>): Promise<bigint[]> {
  const all: bigint[] = [];
  for await (const { number } of notes) {
    all.push(number);
  }
  return all;
}

/** Puts together what reflection sent, as a client of it does. */
function registryOf({ fileDescriptorProto }: { fileDescriptorProto: readonly Uint8Array[] }): FileRegistry {
  const files = fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  return createFileRegistry(files[0]!, (name) => files.find((file) => file.name === name));
}
