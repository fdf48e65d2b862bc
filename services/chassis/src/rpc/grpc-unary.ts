import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { runWithContext } from "../context.ts";
import { parseGrpcTimeout, readContext, refuseLate } from "./interceptors/context.ts";
import type { InFlight } from "./interceptors/in-flight.ts";
import { UnaryCall } from "./unary-call.ts";
import type { UnaryMethod, UnaryMethods } from "./unary-methods.ts";

export type GrpcUnaryOptions = {
  methods: UnaryMethods;
  /** The interceptors, outermost first; the call's context is set already. They must pass on the same request object. */
  interceptors: readonly Interceptor[];
  inFlight: InFlight;
  readMaxBytes: number;
  writeMaxBytes: number;
};

type Handler = (http: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

/**
 * Serves unary gRPC calls directly on the streams of node:http2, without web streams and Headers. Nearly all calls between
 * services are of this kind, and it takes a fraction of the time. Returns false, and leaves the stream alone, for all other
 * calls (other protocols, compression, invalid headers): Connect's adapter serves those, with the same interceptors and
 * handlers.
 *
 * An error is sent as one frame of headers ("Trailers-Only"), as gRPC specifies: a client that has received no headers may
 * retry.
 */
export function createGrpcUnary(options: GrpcUnaryOptions): Handler {
  const invoke = options.interceptors.reduceRight<Invoke>((next, interceptor) => interceptor(next), callHandler);
  return (http, headers) => {
    const method = options.methods.get(String(headers[":path"]));
    if (method === undefined || !isPlain(headers)) {
      return false;
    }
    // Without a listener, an error of a closed stream would end the process.
    http.on("error", () => {});
    readMessage(http, options.readMaxBytes, (frame) => {
      // serve() answers every failure to the caller and never rejects.
      void serve(options, invoke, method, { http, headers, frame });
    });
    return true;
  };
}

type Invoke = ReturnType<Interceptor>;
type Received = { http: ServerHttp2Stream; headers: IncomingHttpHeaders; frame: Buffer | ConnectError };

function isPlain(headers: IncomingHttpHeaders): boolean {
  const { "content-type": type, "grpc-encoding": encoding, "grpc-timeout": timeout } = headers;
  return (
    headers[":method"] === "POST" &&
    (type === "application/grpc" || type === "application/grpc+proto") &&
    (encoding === undefined || encoding === "identity") &&
    (timeout === undefined || (typeof timeout === "string" && parseGrpcTimeout(timeout) !== undefined))
  );
}

/** Calls back once: with the whole body, or with the error for one that is too large. */
function readMessage(http: ServerHttp2Stream, maxBytes: number, done: (frame: Buffer | ConnectError) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  http.on("data", (chunk: Buffer) => {
    const before = size;
    size += chunk.length;
    if (size <= maxBytes + prefixBytes) {
      chunks.push(chunk);
    } else if (before <= maxBytes + prefixBytes) {
      chunks.length = 0;
      done(new ConnectError(`the request is larger than ${maxBytes} bytes`, Code.ResourceExhausted));
    }
  });
  http.on("end", () => {
    if (size <= maxBytes + prefixBytes) {
      const [first] = chunks;
      done(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
    }
  });
}

async function serve(
  { inFlight, writeMaxBytes }: GrpcUnaryOptions,
  invoke: Invoke,
  method: UnaryMethod,
  { http, headers, frame }: Received,
): Promise<void> {
  let call: UnaryCall | undefined;
  inFlight.enter();
  try {
    const nowMs = Date.now();
    const context = readContext((name) => single(headers[name]), nowMs);
    refuseLate(context, nowMs);
    call = new UnaryCall(method, parse(method, frame), context, { http, headers, shutdown: inFlight.signal });
    const request = call;
    const response = await runWithContext(context, () => invoke(request));
    if (response.stream) {
      throw new ConnectError("an interceptor made a stream of a unary call", Code.Internal);
    }
    const bytes = toBinary(method.method.output, response.message);
    if (bytes.length > writeMaxBytes) {
      const message = `the response of ${bytes.length} bytes is larger than ${writeMaxBytes} bytes`;
      throw new ConnectError(message, Code.ResourceExhausted);
    }
    answer(http, call, bytes);
  } catch (error) {
    refuse(http, call, ConnectError.from(error, Code.Internal));
  } finally {
    call?.end();
    inFlight.leave();
  }
}

/** Calls the handler, inside all interceptors. */
const callHandler: Invoke = async (request) => {
  if (!(request instanceof UnaryCall)) {
    throw new Error("an interceptor must pass on the request object that it was given");
  }
  const { method, service } = request;
  const message = create(method.output, await request.impl(request.message, request));
  return {
    stream: false,
    method,
    service,
    message,
    get header() {
      return request.responseHeader;
    },
    get trailer() {
      return request.responseTrailer;
    },
  };
};

const prefixBytes = 5;

/** Parses a frame: gRPC puts five bytes before each message, a compression flag and the length. */
function parse({ method }: UnaryMethod, frame: Buffer | ConnectError): Message {
  if (frame instanceof ConnectError) {
    throw frame;
  }
  if (frame.length === 0) {
    throw new ConnectError("protocol error: the request has no message", Code.Unimplemented);
  }
  const end = prefixBytes + (frame.length < prefixBytes ? 0 : frame.readUInt32BE(1));
  if (frame[0] !== 0) {
    const message = "protocol error: the message is compressed, and no grpc-encoding says how";
    throw new ConnectError(message, Code.Internal);
  }
  if (frame.length > end) {
    throw new ConnectError("protocol error: the request has more than one message", Code.Unimplemented);
  }
  if (frame.length < end) {
    throw new ConnectError("protocol error: the request ends within its message", Code.InvalidArgument);
  }
  try {
    return fromBinary(method.input, frame.subarray(prefixBytes));
  } catch (error) {
    const message = `the request is not a valid ${method.input.typeName}`;
    throw new ConnectError(message, Code.Internal, undefined, undefined, error);
  }
}

function answer(http: ServerHttp2Stream, call: UnaryCall, bytes: Uint8Array): void {
  if (http.destroyed || http.closed) {
    return;
  }
  const frame = Buffer.allocUnsafe(prefixBytes + bytes.length);
  frame[0] = 0;
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, prefixBytes);
  const headers = call.addResponseHeaders({ ":status": 200, "content-type": "application/grpc+proto" });
  const trailers = call.addResponseTrailers({ "grpc-status": "0" });
  http.on("wantTrailers", () => http.sendTrailers(trailers));
  http.respond(headers, { waitForTrailers: true });
  http.end(frame);
}

function refuse(http: ServerHttp2Stream, call: UnaryCall | undefined, error: ConnectError): void {
  if (http.destroyed || http.closed || http.headersSent) {
    return;
  }
  const headers: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc+proto" };
  call?.addResponseHeaders(headers);
  call?.addResponseTrailers(headers);
  setTrailerStatus(new Headers(), error).forEach((value, name) => {
    headers[name] = value;
  });
  http.respond(headers, { endStream: true });
  // Discards the rest of the request.
  http.resume();
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
