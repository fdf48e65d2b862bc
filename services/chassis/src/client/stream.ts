import { once } from "node:events";
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse } from "@connectrpc/connect";
import type { ClientDuplexStream, ClientReadableStream, Metadata } from "@grpc/grpc-js";
import { withoutBlame } from "../auth/own-token.ts";
import {
  type Call,
  codec,
  type Done,
  deadlineOf,
  type GrpcTransportOptions,
  measure,
  metadataOf,
  refusal,
  spanOf,
} from "./call.ts";
import { tokenFor } from "./token.ts";
import { toHeaders, wireError } from "./wire-error.ts";

/**
 * Calls a streaming method. A server stream's request is the first message of the input. Resolves with the headers, which
 * arrive with the first response message.
 */
export async function callStream<I extends DescMessage, O extends DescMessage>(
  { client, meter, tokens }: GrpcTransportOptions,
  { method, signal, timeoutMs, header }: Call<DescMethodStreaming<I, O>>,
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  const span = spanOf(method);
  const done = measure(meter, method, span);
  // A stream may have no deadline: it goes on as long as the client reads.
  const deadline = deadlineOf(timeoutMs, undefined);
  const refused = refusal(signal, deadline);
  if (refused !== undefined) {
    throw done(refused);
  }
  const authorization = await Promise.resolve(tokenFor(tokens, { method, signal, deadline, header })).catch(
    (error: ConnectError) => Promise.reject(done(error)),
  );
  const { path, serialize, deserialize } = codec(method);
  const options = deadline === undefined ? {} : { deadline };
  const start = [path, serialize, deserialize] as const;
  let call: ClientReadableStream<MessageShape<O>>;
  if (method.methodKind === "server_streaming") {
    const message = create(method.input, await first(input));
    call = client().makeServerStreamRequest(...start, message, metadataOf(header, authorization, span), options);
  } else {
    const duplex = client().makeBidiStreamRequest(...start, metadataOf(header, authorization, span), options);
    // A failure of the input ends the call, and so reaches the reader.
    send(method.input, input, duplex).catch(() => duplex.cancel());
    call = duplex;
  }
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  // grpc-js emits a call's error without destroying the stream. An error before the first read, for example without a
  // connection, would look like the end of an empty stream.
  let failure: Error | undefined;
  call.once("error", (error) => {
    failure = error;
  });
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
    message: messagesOf(
      call,
      () => failure,
      done,
      (error) => withoutBlame(wireError(error, signal), tokens, authorization),
    ),
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

/** Headers arrive with the first message; a call that fails before has none. */
function headersOf(call: ClientReadableStream<unknown>): Promise<Metadata | undefined> {
  const { promise, resolve } = Promise.withResolvers<Metadata | undefined>();
  call.once("metadata", resolve);
  call.once("status", () => resolve(undefined));
  call.once("error", () => resolve(undefined));
  return promise;
}

async function* messagesOf<T>(
  call: ClientReadableStream<T>,
  failure: () => Error | undefined,
  done: Done,
  toError: (error: unknown) => ConnectError,
): AsyncGenerator<T> {
  try {
    yield* call;
    const early = failure();
    if (early !== undefined) {
      throw early;
    }
  } catch (error) {
    throw done(toError(error));
  } finally {
    done();
    call.cancel();
  }
}
