import { once } from "node:events";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { expect, onTestFinished, test, vi } from "vitest";
import { callContext, runWithContext } from "../context.ts";
import { DomainError, defineReasons, errorInfo } from "../errors.ts";
import { EchoService } from "../testing/echo-service.ts";
import { frame } from "../testing/raw-call.ts";
import { startEcho } from "../testing/test-server.ts";
import { type ChannelOptions, createServiceClient, openChannel } from "./client.ts";

const reasons = defineReasons({ OUT_OF_STOCK: Code.FailedPrecondition, AWAY: Code.Unavailable });

test("calls of all four kinds", async () => {
  await using server = await startEcho({
    repeat: ({ text }) => ({ text, number: 1n }),
    async *watch({ number }) {
      for (let count = 0n; count < number; count++) {
        yield { number: count };
      }
    },
    async gather(notes) {
      let number = 0n;
      for await (const note of notes) {
        number += note.number;
      }
      return { number };
    },
    async *chat(notes) {
      for await (const { number } of notes) {
        yield { number: -number };
      }
    },
  });
  using client = clientOf(server.address);

  expect(await client.repeat({ text: "a" })).toMatchObject({ text: "a", number: 1n });
  expect(await numbers(client.watch({ text: "a", number: 3n }))).toEqual([0n, 1n, 2n]);
  expect(await client.gather(notes(1n, 2n, 3n))).toMatchObject({ number: 6n });
  expect(await numbers(client.chat(notes(1n, 2n)))).toEqual([-1n, -2n]);
});

test("in a bidirectional stream, a response can be awaited before the next request", async () => {
  await using server = await startEcho({
    async *chat(notes) {
      for await (const { number } of notes) {
        yield { number: number + 1n };
      }
    },
  });
  using client = clientOf(server.address);
  const answers: bigint[] = [];
  const questions = async function* () {
    yield { text: "a", number: 1n };
    while (answers.length < 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield { text: "a", number: answers[0]! };
  };

  for await (const { number } of client.chat(questions())) {
    answers.push(number);
  }

  expect(answers).toEqual([2n, 3n]);
});

test("a thousand messages arrive whole and in order, both ways", async () => {
  await using server = await startEcho({
    async *chat(notes) {
      yield* notes;
    },
  });
  using client = clientOf(server.address);
  const all = Array.from({ length: 1_000 }, (_, index) => BigInt(index));

  expect(await numbers(client.chat(notes(...all)))).toEqual(all);
});

test("an error arrives with its reason, unary and in a stream", async () => {
  const failure = new DomainError(reasons, "OUT_OF_STOCK", "“p-1” is sold out – sorry", { product_id: "p-1" });
  await using server = await startEcho({
    repeat: () => Promise.reject(failure),
    async *watch() {
      yield {};
      throw failure;
    },
  });
  using client = clientOf(server.address);
  const answer = {
    code: Code.FailedPrecondition,
    reason: "OUT_OF_STOCK",
    domain: "echo.sagacart",
    metadata: { product_id: "p-1" },
    message: "“p-1” is sold out – sorry",
    violations: [],
  };

  expect(errorInfo(await client.repeat({ text: "a" }).catch((error) => error))).toEqual(answer);
  expect(errorInfo(await numbers(client.watch({ text: "a" })).catch((error) => error))).toEqual(answer);
});

test("an unreachable server is UNAVAILABLE", async () => {
  using client = clientOf("127.0.0.1:1");

  expect(await client.change({ text: "a" }).catch(errorInfo)).toMatchObject({ code: Code.Unavailable });
});

test("a call passes on the request id, the trace, and the remaining time", async () => {
  const seen: { requestId: string | null; traceparent: string | null; remaining: number }[] = [];
  const note = (header: Headers) =>
    seen.push({
      requestId: header.get("x-request-id"),
      traceparent: header.get("traceparent"),
      remaining: remainingMs() ?? Number.NaN,
    });
  await using far = await startEcho({
    repeat: (request, { requestHeader }) => {
      note(requestHeader);
      return request;
    },
  });
  using farClient = clientOf(far.address);
  await using near = await startEcho({
    async repeat(request, { requestHeader }) {
      note(requestHeader);
      vi.setSystemTime(Date.now() + 1_000);
      return farClient.repeat(request);
    },
  });
  using nearClient = clientOf(near.address);
  stopClock();
  const headers = { "x-request-id": "r-1", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };

  await nearClient.repeat({ text: "a" }, { headers, timeoutMs: 60_000 });

  const [first, second] = seen;
  expect(second).toMatchObject({ requestId: "r-1", traceparent: headers.traceparent });
  expect([first!.remaining, second!.remaining]).toEqual([60_000, 59_000]);
});

test.each([
  ["the call's own, when it is earlier", 20_000, 60_000],
  ["the inherited, when it is earlier", 60_000, 20_000],
  ["the inherited, when the call has none", undefined, 20_000],
])("the deadline is %s", async (_, timeoutMs, inheritedMs) => {
  const left = await leftAtServer(timeoutMs, inheritedMs);

  expect(left).toBe(20_000);
});

test("without a deadline, a unary call has ten seconds and a stream has no limit", async () => {
  const left = await leftAtServer(undefined, undefined);
  let streamLeft: number | undefined = 0;
  await using server = await startEcho({
    // biome-ignore lint/correctness/useYield: it ends at once
    async *watch() {
      streamLeft = remainingMs();
    },
  });
  using client = clientOf(server.address);
  await numbers(client.watch({ text: "a" }));

  expect(left).toBe(10_000);
  expect(streamLeft).toBeUndefined();
});

test("a call after the inherited deadline is not made", async () => {
  let calls = 0;
  await using server = await startEcho({
    repeat: (note) => {
      calls++;
      return note;
    },
  });
  using client = clientOf(server.address);

  const error = await runWithContext({ requestId: "r-1", deadlineMs: Date.now() - 1 }, () =>
    client.repeat({ text: "a" }).catch(errorInfo),
  );

  expect(error).toMatchObject({
    code: Code.DeadlineExceeded,
    message: "the deadline had passed before the call was made",
  });
  expect(calls).toBe(0);
});

test("a call that takes too long ends with DEADLINE_EXCEEDED", async () => {
  await using server = await startEcho({ repeat: () => new Promise(() => {}) });
  using client = clientOf(server.address);

  const error = await client.repeat({ text: "a" }, { timeoutMs: 30 }).catch(errorInfo);

  expect(error).toMatchObject({ code: Code.DeadlineExceeded });
});

test("an abort cancels the call and its handler", async () => {
  const entered = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  await using server = await startEcho({
    repeat: (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      entered.resolve();
      return new Promise(() => {});
    },
  });
  using client = clientOf(server.address);
  const abort = new AbortController();
  const call = client.repeat({ text: "a" }, { signal: abort.signal }).catch(errorInfo);
  await entered.promise;

  abort.abort();

  expect(await call).toMatchObject({ code: Code.Canceled });
  await aborted.promise;
});

test("an abort cancels a stream and its handler", async () => {
  const aborted = Promise.withResolvers<void>();
  await using server = await startEcho({
    async *watch(_, { signal }) {
      signal.addEventListener("abort", () => aborted.resolve());
      yield {};
      await aborted.promise;
    },
  });
  using client = clientOf(server.address);
  const abort = new AbortController();
  const stream = client.watch({ text: "a" }, { signal: abort.signal })[Symbol.asyncIterator]();
  await stream.next();

  abort.abort();

  expect(await stream.next().catch(errorInfo)).toMatchObject({ code: Code.Canceled });
  await aborted.promise;
});

test.each([
  ["an AbortSignal.timeout", () => AbortSignal.timeout(20), Code.DeadlineExceeded],
  ["a deadline", () => abortedSoon(new ConnectError("late", Code.DeadlineExceeded)), Code.DeadlineExceeded],
  ["whatever else", () => abortedSoon("enough"), Code.Canceled],
])("a call that is aborted by %s has its code", async (_, signalOf, code) => {
  await using server = await startEcho({ repeat: () => new Promise(() => {}) });
  using client = clientOf(server.address);

  expect(await client.repeat({ text: "a" }, { signal: signalOf() }).catch(errorInfo)).toMatchObject({ code });
});

test.each([
  ["is made again, whatever its method", 7, undefined],
  ["is UNAVAILABLE in the end", 8, Code.Unavailable],
])("a call that is refused before a handler has seen it %s", async (_, refusals, code) => {
  let streams = 0;
  const server = createServer().on("stream", (stream) => {
    streams++;
    if (streams <= refusals) {
      stream.on("error", () => {});
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(frame(new Uint8Array()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  using client = clientOf(`127.0.0.1:${(server.address() as AddressInfo).port}`);

  const error = await client.change({ text: "a" }).then(() => undefined, errorInfo);
  server.close();

  expect(error?.code).toBe(code);
});

test("a call that is aborted before it begins is not made", async () => {
  using client = clientOf("127.0.0.1:1");

  const error = await client.repeat({ text: "a" }, { signal: AbortSignal.abort() }).catch(errorInfo);

  expect(error).toMatchObject({ code: Code.Canceled });
});

test.each([
  ["IDEMPOTENT", "repeat", 3],
  ["NO_SIDE_EFFECTS", "read", 3],
] as const)("UNAVAILABLE is tried again for a method that is %s", async (_, method, attempts) => {
  let calls = 0;
  await using server = await startEcho({
    [method]: (note: object) => {
      calls++;
      if (calls < attempts) {
        throw new DomainError(reasons, "AWAY", "come again");
      }
      return note;
    },
  } as Partial<ServiceImpl<typeof EchoService>>);
  using client = clientOf(server.address);

  expect(await client[method]({ text: "a" })).toMatchObject({ text: "a" });
  expect(calls).toBe(attempts);
});

test("UNAVAILABLE is not retried for other methods", async () => {
  let calls = 0;
  await using server = await startEcho({
    change: () => {
      calls++;
      throw new DomainError(reasons, "AWAY", "come again");
    },
  });
  using client = clientOf(server.address);

  expect(await client.change({ text: "a" }).catch(errorInfo)).toMatchObject({ reason: "AWAY" });
  expect(calls).toBe(1);
});

test("other errors are not retried, and UNAVAILABLE not for ever", async () => {
  let calls = 0;
  await using server = await startEcho({
    repeat: () => {
      calls++;
      throw new DomainError(reasons, "OUT_OF_STOCK", "sold out");
    },
    read: () => {
      calls++;
      throw new DomainError(reasons, "AWAY", "come again");
    },
  });
  using client = clientOf(server.address);

  expect(await client.repeat({ text: "a" }).catch(errorInfo)).toMatchObject({ reason: "OUT_OF_STOCK" });
  expect(calls).toBe(1);
  calls = 0;
  expect(await client.read({ text: "a" }).catch(errorInfo)).toMatchObject({ reason: "AWAY" });
  expect(calls).toBe(4);
});

test("a channel may have a retry policy of its own", async () => {
  let calls = 0;
  await using server = await startEcho({
    read: () => {
      calls++;
      throw new DomainError(reasons, "AWAY", "come again");
    },
  });
  using client = clientOf(server.address, { retries: { maxAttempts: 2, initialBackoffMs: 10, maxBackoffMs: 10 } });

  expect(await client.read({ text: "a" }).catch(errorInfo)).toMatchObject({ reason: "AWAY" });
  expect(calls).toBe(2);
});

test("headers and trailers can be read, of errors too", async () => {
  await using server = await startEcho({
    repeat: (note, { responseHeader, responseTrailer }) => {
      responseHeader.set("x-colour", "blue");
      responseTrailer.set("x-size", "small");
      return note;
    },
  });
  using client = clientOf(server.address);
  const seen: (string | null)[] = [];

  await client.repeat(
    { text: "a" },
    {
      onHeader: (headers) => seen.push(headers.get("x-colour")),
      onTrailer: (trailers) => seen.push(trailers.get("x-size")),
    },
  );

  expect(seen).toEqual(["blue", "small"]);
});

test("calls are measured by their code", async () => {
  const metrics = new Registry();
  await using server = await startEcho({
    repeat: (note) => note,
    async *watch() {
      yield {};
    },
  });
  const channel = openChannel(server.address, { metrics });
  const client = createServiceClient(EchoService, channel);

  await client.repeat({ text: "a" });
  await client.change({ text: "a" }).catch(() => {});
  await numbers(client.watch({ text: "a" }));
  channel.close();
  const text = await metrics.metrics();

  for (const labels of [
    'rpc_method="Repeat",code="ok"',
    'rpc_method="Change",code="unimplemented"',
    'rpc_method="Watch",code="ok"',
  ]) {
    expect(text).toContain(`rpc_client_duration_seconds_count{rpc_service="${EchoService.typeName}",${labels}} 1`);
  }
});

async function leftAtServer(timeoutMs: number | undefined, inheritedMs: number | undefined): Promise<number> {
  stopClock();
  let left = Number.NaN;
  await using server = await startEcho({
    repeat: (note) => {
      left = remainingMs() ?? Number.NaN;
      return note;
    },
  });
  using client = clientOf(server.address);
  const deadlineMs = inheritedMs === undefined ? undefined : Date.now() + inheritedMs;
  await runWithContext({ requestId: "r-1", deadlineMs }, () =>
    client.repeat({ text: "a" }, timeoutMs === undefined ? {} : { timeoutMs }),
  );
  return left;
}

/** How much of the call's time is left; undefined without a deadline. */
function remainingMs(): number | undefined {
  const deadlineMs = callContext()?.deadlineMs;
  return deadlineMs === undefined ? undefined : deadlineMs - Date.now();
}

/** Keeps Date.now() where it is until the test has ended, so that no time is lost on the way. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
}

function abortedSoon(reason: unknown): AbortSignal {
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), 20);
  return abort.signal;
}

function clientOf(address: string, options: ChannelOptions = {}) {
  const channel = openChannel(address, options);
  return Object.assign(createServiceClient(EchoService, channel), { [Symbol.dispose]: () => channel.close() });
}

async function* notes(...numbers: bigint[]) {
  for (const number of numbers) {
    yield { text: "a", number };
  }
}

async function numbers(notes: AsyncIterable<{ number: bigint }>): Promise<bigint[]> {
  const all: bigint[] = [];
  for await (const { number } of notes) {
    all.push(number);
  }
  return all;
}
