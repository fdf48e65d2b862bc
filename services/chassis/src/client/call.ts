import {
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Client, Metadata } from "@grpc/grpc-js";
import type { CallTokens } from "../auth/service-tokens.ts";
import { callContext } from "../context.ts";
import { codeName } from "../errors.ts";
import type { CallMeter } from "../process/metrics.ts";
import { failure, rpcAttributes, statusCode } from "../rpc/interceptors/trace.ts";
import type { Span } from "../trace/span.ts";
import { startSpan, tracer, untraced } from "../trace/trace.ts";
import { wireError } from "./wire-error.ts";

export type GrpcTransportOptions = {
  /** Creates the client at the first call. */
  client: () => Client;
  defaultTimeoutMs: number;
  meter: CallMeter | undefined;
  tokens?: CallTokens | undefined;
};

/** The arguments that Connect's client gives its transport. */
export type Call<M extends DescMethod> = {
  method: M;
  signal: AbortSignal | undefined;
  timeoutMs: number | undefined;
  header: HeadersInit | undefined;
};

export type HeadersInit = ConstructorParameters<typeof Headers>[0];

/** Serialization of a method's messages. */
export type Codec<I extends DescMessage, O extends DescMessage> = {
  path: string;
  serialize: (message: MessageShape<I>) => Buffer;
  deserialize: (bytes: Buffer) => MessageShape<O>;
};

const codecs = new WeakMap<DescMethod, unknown>();

/** Returns a method's codec, and caches it. */
export function codec<I extends DescMessage, O extends DescMessage>(
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
  // Cached under its own method, so it has that method's types.
  return known as Codec<I, O>;
}

/** Returns the earlier deadline of the call's own and that of the call being served, in ms since the epoch. */
export function deadlineOf(timeoutMs: number | undefined, defaultTimeoutMs: number | undefined): number | undefined {
  const inherited = callContext()?.deadlineMs;
  const own = timeoutMs ?? (inherited === undefined ? defaultTimeoutMs : undefined);
  if (own === undefined) {
    return inherited;
  }
  return Math.min(Date.now() + own, inherited ?? Number.POSITIVE_INFINITY);
}

/** Returns the error of a call that is cancelled or late already, and so need not be made. */
export function refusal(signal: AbortSignal | undefined, deadline: number | undefined): ConnectError | undefined {
  if (signal?.aborted === true) {
    return wireError(undefined, signal);
  }
  const late = deadline !== undefined && deadline <= Date.now();
  return late ? new ConnectError("the deadline had passed before the call was made", Code.DeadlineExceeded) : undefined;
}

/**
 * Returns the call's metadata: the request id of the call being served, its own span or that call's trace, a token, and its
 * own headers.
 */
export function metadataOf(
  header: HeadersInit | undefined,
  authorization: string | undefined,
  span: Span | undefined,
): Metadata {
  const metadata = new Metadata();
  if (authorization !== undefined) {
    metadata.set("authorization", authorization);
  }
  const context = callContext();
  const traceparent = span?.traceparent ?? context?.traceparent ?? untraced();
  if (traceparent !== undefined) {
    metadata.set("traceparent", traceparent);
  }
  if (context !== undefined) {
    metadata.set("x-request-id", context.requestId);
    if (context.tracestate !== undefined) {
      metadata.set("tracestate", context.tracestate);
    }
    if (context.clientAddress !== undefined) {
      metadata.set("x-client-address", context.clientAddress);
    }
    if (context.userAgent !== undefined) {
      metadata.set("x-client-user-agent", context.userAgent);
    }
  }
  if (header !== undefined) {
    new Headers(header).forEach((value, name) => {
      metadata.set(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
    });
  }
  return metadata;
}

/** Starts the span of a call; undefined if the call being served is not traced. */
export function spanOf({ parent, name }: DescMethod): Span | undefined {
  if (tracer() === undefined) {
    return undefined;
  }
  const method = `${parent.typeName}/${name}`;
  return startSpan(method, { kind: "client", attributes: rpcAttributes(method) });
}

/** Measures the call when it ends, once, and ends its span. Returns the error, to be thrown. */
export type Done = { (): void; (error: ConnectError): ConnectError };

export function measure(
  meter: CallMeter | undefined,
  { parent, name: method }: DescMethod,
  span: Span | undefined,
): Done {
  const startMs = performance.now();
  meter?.begin();
  let open = true;
  function done(): void;
  function done(error: ConnectError): ConnectError;
  function done(error?: ConnectError): ConnectError | undefined {
    if (open) {
      open = false;
      if (span !== undefined) {
        span.set({ "rpc.status_code": statusCode(error?.code) });
        span.end(failure(error?.code));
      }
      const code = error === undefined ? "ok" : codeName(error.code);
      meter?.observe({ rpc_service: parent.typeName, rpc_method: method, code }, (performance.now() - startMs) / 1000);
    }
    return error;
  }
  return done;
}
