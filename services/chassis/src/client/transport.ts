import { once } from "node:events";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";
import {
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
} from "@grpc/grpc-js";
import { callContext } from "../context.ts";
import { codeName } from "../errors.ts";
import type { CallMeter } from "../metrics.ts";
import { toHeaders, wireError } from "./wire-error.ts";

export type GrpcTransportOptions = {
  /** Made at the first call. */
  client: () => Client;
  defaultTimeoutMs: number;
  meter: CallMeter | undefined;
};

/** Connect's Transport over grpc-js, which knows how to balance, to retry and to look up names again. */
export function createGrpcTransport(options: GrpcTransportOptions): Transport {
  return {
    unary: (method, signal, timeoutMs, header, input) => unary(options, { method, signal, timeoutMs, header }, input),
    stream: (method, signal, timeoutMs, header, input) => stream(options, { method, signal, timeoutMs, header }, input),
  };
}

type Call<M extends DescMethod> = {
  method: M;
  signal: AbortSignal | undefined;
  timeoutMs: number | undefined;
  header: HeadersInit | undefined;
};

type HeadersInit = ConstructorParameters<typeof Headers>[0];

function unary<I extends DescMessage, O extends DescMessage>(
  { client, defaultTimeoutMs, meter }: GrpcTransportOptions,
  { method, signal, timeoutMs, header }: Call<DescMethodUnary<I, O>>,
  input: MessageInitShape<I>,
): Promise<UnaryResponse<I, O>> {
  const { promise, resolve, reject } = Promise.withResolvers<UnaryResponse<I, O>>();
  const done = measure(meter, method);
  const deadline = deadlineOf(timeoutMs, defaultTimeoutMs);
  if (signal?.aborted === true || isOver(deadline)) {
    reject(done(signal?.aborted === true ? wireError(undefined, signal) : tooLate()));
    return promise;
  }
  let headers: Metadata | undefined;
  let trailers: Metadata | undefined;
  const { path, serialize, deserialize } = codec(method);
  const call = client().makeUnaryRequest(
    path,
    serialize,
    deserialize,
    create(method.input, input),
    metadataOf(header),
    callOptions(deadline),
    (error, message) => {
      signal?.removeEventListener("abort", cancel);
      if (error !== null || message === undefined) {
        reject(done(wireError(error, signal)));
        return;
      }
      done();
      resolve({
        stream: false,
        service: method.parent,
        method,
        message,
        // Seldom read, so not made before somebody does.
        get header() {
          return toHeaders(headers);
        },
        get trailer() {
          return toHeaders(trailers);
        },
      });
    },
  );
  call.on("metadata", (metadata) => {
    headers = metadata;
  });
  call.on("status", (status) => {
    trailers = status.metadata;
  });
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  return promise;
}

async function stream<I extends DescMessage, O extends DescMessage>(
  { client, meter }: GrpcTransportOptions,
  { method, signal, timeoutMs, header }: Call<DescMethodStreaming<I, O>>,
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  const done = measure(meter, method);
  // A stream without a deadline is one: it goes on for as long as somebody watches.
  const deadline = deadlineOf(timeoutMs, undefined);
  if (signal?.aborted === true || isOver(deadline)) {
    throw done(signal?.aborted === true ? wireError(undefined, signal) : tooLate());
  }
  const { path, serialize, deserialize } = codec(method);
  const start = [path, serialize, deserialize] as const;
  let call: ClientReadableStream<MessageShape<O>>;
  if (method.methodKind === "server_streaming") {
    const message = create(method.input, await first(input));
    call = client().makeServerStreamRequest(...start, message, metadataOf(header), callOptions(deadline));
  } else {
    const duplex = client().makeBidiStreamRequest(...start, metadataOf(header), callOptions(deadline));
    // A failure of the input ends the call, which tells the one who reads.
    send(method.input, input, duplex).catch(() => duplex.cancel());
    call = duplex;
  }
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  const trailer = new Headers();
  call.once("status", (status) => {
    signal?.removeEventListener("abort", cancel);
    toHeaders(status.metadata).forEach((value, name) => {
      trailer.set(name, value);
    });
  });
  return {
    stream: true,
    service: method.parent,
    method,
    header: toHeaders(await headersOf(call)),
    trailer,
    message: messagesOf(call, signal, done),
  };
}

async function first<T>(input: AsyncIterable<T>): Promise<T> {
  for await (const message of input) {
    return message;
  }
  throw new ConnectError("a request is missing", Code.InvalidArgument);
}

async function send<I extends DescMessage, O>(
  schema: I,
  input: AsyncIterable<MessageInitShape<I>>,
  call: ClientDuplexStream<MessageShape<I>, O>,
): Promise<void> {
  const ended = new AbortController();
  call.once("status", () => ended.abort());
  for await (const message of input) {
    if (ended.signal.aborted) {
      return;
    }
    if (!call.write(create(schema, message))) {
      await once(call, "drain", { signal: ended.signal });
    }
  }
  call.end();
}

/** The headers come with the first message; a call that fails before has none. */
function headersOf(call: ClientReadableStream<unknown>): Promise<Metadata | undefined> {
  const { promise, resolve } = Promise.withResolvers<Metadata | undefined>();
  call.once("metadata", resolve);
  call.once("status", () => resolve(undefined));
  // The error stays with the stream, for the one who reads it.
  call.once("error", () => resolve(undefined));
  return promise;
}

async function* messagesOf<T>(
  call: ClientReadableStream<T>,
  signal: AbortSignal | undefined,
  done: Done,
): AsyncGenerator<T> {
  try {
    yield* call;
  } catch (error) {
    throw done(wireError(error, signal));
  } finally {
    done();
    call.cancel();
  }
}

type Codec<I extends DescMessage, O extends DescMessage> = {
  path: string;
  serialize: (message: MessageShape<I>) => Buffer;
  deserialize: (bytes: Buffer) => MessageShape<O>;
};

const codecs = new WeakMap<DescMethod, unknown>();

/** One for each method, made once. */
function codec<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
): Codec<I, O> {
  let known = codecs.get(method);
  if (known === undefined) {
    const { input, output } = method;
    known = {
      path: `/${method.parent.typeName}/${method.name}`,
      serialize(message: MessageShape<I>) {
        const bytes = toBinary(input, message);
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      },
      deserialize: (bytes: Buffer) => fromBinary(output, bytes),
    };
    codecs.set(method, known);
  }
  // Kept under its own method, so it has that method's types.
  return known as Codec<I, O>;
}

/** The earlier of the call's own and the one of the call that it is made for, in ms since the epoch. */
function deadlineOf(timeoutMs: number | undefined, defaultTimeoutMs: number | undefined): number | undefined {
  const inherited = callContext()?.deadlineMs;
  const own = timeoutMs ?? (inherited === undefined ? defaultTimeoutMs : undefined);
  if (own === undefined) {
    return inherited;
  }
  return Math.min(Date.now() + own, inherited ?? Number.POSITIVE_INFINITY);
}

function isOver(deadline: number | undefined): boolean {
  return deadline !== undefined && deadline <= Date.now();
}

function tooLate(): ConnectError {
  return new ConnectError("the deadline had passed before the call was made", Code.DeadlineExceeded);
}

function callOptions(deadline: number | undefined): CallOptions {
  return deadline === undefined ? {} : { deadline };
}

function metadataOf(header: HeadersInit | undefined): Metadata {
  const metadata = new Metadata();
  const context = callContext();
  if (context !== undefined) {
    metadata.set("x-request-id", context.requestId);
    if (context.traceparent !== undefined) {
      metadata.set("traceparent", context.traceparent);
    }
  }
  if (header !== undefined) {
    new Headers(header).forEach((value, name) => {
      metadata.set(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
    });
  }
  return metadata;
}

/** Observes the call when it ends, once. Gives the error back, for throwing. */
type Done = { (): void; (error: ConnectError): ConnectError };

function measure(meter: CallMeter | undefined, { parent, name: method }: DescMethod): Done {
  const startMs = performance.now();
  let open = true;
  function done(): void;
  function done(error: ConnectError): ConnectError;
  function done(error?: ConnectError): ConnectError | undefined {
    if (open) {
      open = false;
      const code = error === undefined ? "ok" : codeName(error.code);
      meter?.observe({ service: parent.typeName, method, code }, (performance.now() - startMs) / 1000);
    }
    return error;
  }
  return done;
}
