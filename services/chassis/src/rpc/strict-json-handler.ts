import { promisify } from "node:util";
import { brotliDecompress, gunzip } from "node:zlib";
import type { JsonValue } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { ConnectError } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { toConnectError } from "../errors.ts";
import { shorten } from "../shorten.ts";
import { jsonExcess } from "./json-excess.ts";
import { jsonViolations } from "./strict-json.ts";
import { invalidFields } from "./violation.ts";

export type StrictJsonHandlerOptions = {
  /** The domain of the errors' reasons. */
  readonly domain: string;
  /** Larger requests are left to the handler, which refuses them. */
  readonly readMaxBytes: number;
};

/**
 * Makes a handler of Connect read JSON strictly, in all of its protocols: Connect by POST and GET, gRPC and gRPC-Web with
 * JSON. Connect has no option for it, so the request's body is checked on its way to the handler, which then answers in
 * its own protocol. Requests in protobuf's binary format are not touched.
 *
 * Unknown fields are ignored, and an amount without minor units is zero, as generated clients need it.
 */
export function strictJson(handler: UniversalHandler, options: StrictJsonHandlerOptions): UniversalHandler {
  const { methodKind } = handler.method;
  if (methodKind !== "unary" && methodKind !== "server_streaming") {
    // Reflection: nothing of ours.
    return handler;
  }
  const check = checker(handler, options);
  const strict = async (given: UniversalServerRequest): Promise<UniversalServerResponse> => {
    const request = withShortHeaders(given);
    if (request.method === "GET") {
      return (await refusedQuery(request, { check, ...options })) ?? handler(request);
    }
    const type = request.header.get("content-type") ?? "";
    if (!/[/+]json\b/.test(type) || !isIterable(request.body)) {
      return handler(request);
    }
    const frame = /^application\/json\b/.test(type) ? readUnary : readFrame;
    return handler({ ...request, body: checked(request, request.body, { frame, check, ...options }) });
  };
  return Object.assign(strict, handler);
}

/** Returns the error of a message in JSON; undefined if it is fine, or no JSON at all, which the handler says. */
type Checker = (bytes: Uint8Array | undefined) => ConnectError | undefined;

function checker({ method }: UniversalHandler, { domain }: StrictJsonHandlerOptions): Checker {
  return (bytes) => {
    const excess = bytes && jsonExcess(bytes);
    if (excess !== undefined) {
      const message = `the message has too many ${excess}`;
      return toConnectError(invalidFields([{ field: "", rule: "json.size", message }]), domain);
    }
    let json: JsonValue;
    try {
      json = JSON.parse(utf8.decode(bytes));
    } catch {
      return undefined;
    }
    const violations = jsonViolations(method.input, json, { unknown: "ignored", absentMinorUnits: "zero" });
    return violations.length === 0 ? undefined : toConnectError(invalidFields(violations), domain);
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

type Body = AsyncIterable<Uint8Array>;
type Frame = (bytes: Uint8Array, header: Headers, maxBytes: number) => Promise<Uint8Array | undefined>;

async function* checked(
  { header }: UniversalServerRequest,
  body: Body,
  { frame, check, readMaxBytes }: { frame: Frame; check: Checker; readMaxBytes: number },
): Body {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size <= readMaxBytes + prefixBytes) {
      chunks.push(chunk);
    } else {
      yield* chunks.splice(0);
      yield chunk;
    }
  }
  const error = chunks.length === 0 ? undefined : check(await frame(Buffer.concat(chunks), header, readMaxBytes));
  if (error !== undefined) {
    throw error;
  }
  yield* chunks;
}

const prefixBytes = 5;

const readUnary: Frame = (bytes, header, maxBytes) => decompress(bytes, header.get("content-encoding"), maxBytes);

/** Reads the one message of a unary call or of a server stream; undefined if the frame is not complete. */
const readFrame: Frame = async (bytes, header, maxBytes) => {
  const end = bytes.length < prefixBytes ? Number.NaN : prefixBytes + Buffer.from(bytes).readUInt32BE(1);
  const isCompressed = ((bytes[0] ?? 0) & 1) === 1;
  const encoding = header.get("grpc-encoding") ?? header.get("connect-content-encoding");
  return bytes.length >= end
    ? decompress(bytes.subarray(prefixBytes, end), isCompressed ? encoding : null, maxBytes)
    : undefined;
};

/** Undefined for what cannot be decompressed, or is too large: the handler says so. */
async function decompress(
  bytes: Uint8Array,
  encoding: string | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (encoding === null || encoding === "identity") {
    return bytes;
  }
  const inflate = inflaters[encoding];
  return inflate?.(bytes, { maxOutputLength: maxBytes }).catch(() => undefined);
}

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

const inflaters: Readonly<Record<string, Inflate | undefined>> = {
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
};

/** Answers a call by GET, whose message is in the query, if that is wrong. */
async function refusedQuery(
  { url }: UniversalServerRequest,
  { check, readMaxBytes }: { check: Checker; readMaxBytes: number },
): Promise<UniversalServerResponse | undefined> {
  const query = new URL(url).searchParams;
  const message = query.get("message");
  if (query.get("encoding") !== "json" || message === null) {
    return undefined;
  }
  const bytes = query.get("base64") === "1" ? decoded(message) : Buffer.from(message);
  const error = check(bytes && (await decompress(bytes, query.get("compression"), readMaxBytes)));
  if (error === undefined) {
    return undefined;
  }
  return {
    status: codeToHttpStatus(error.code),
    header: new Headers({ "content-type": "application/json" }),
    body: once(errorToJsonBytes(error, undefined)),
  };
}

function decoded(base64: string): Uint8Array | undefined {
  try {
    return base64Decode(base64);
  } catch {
    return undefined;
  }
}

async function* once(bytes: Uint8Array): Body {
  yield bytes;
}

function isIterable(body: UniversalServerRequest["body"]): body is Body {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** Shortens the headers that Connect repeats in its errors, such as an unknown compression. No valid one is as long. */
function withShortHeaders(request: UniversalServerRequest): UniversalServerRequest {
  const long = repeated.filter((name) => (request.header.get(name) ?? "").length > mostHeaderBytes);
  if (long.length === 0) {
    return request;
  }
  const header = new Headers(request.header);
  for (const name of long) {
    header.set(name, shorten(header.get(name) ?? "", mostHeaderBytes).replace("…", "..."));
  }
  return { ...request, header };
}

const mostHeaderBytes = 100;
const repeated = [
  "content-encoding",
  "connect-content-encoding",
  "grpc-encoding",
  "connect-timeout-ms",
  "grpc-timeout",
  "connect-protocol-version",
];
