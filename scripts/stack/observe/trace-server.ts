import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { decodeSpans } from "@sagacart/chassis/trace/otlp";
import { loopback } from "../ports.ts";
import { createSpanStore, isTraceId, type SpanStore } from "./span-store.ts";

export type TraceServer = AsyncDisposable & {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT, and for the gateway's TRACES_URL. */
  readonly url: string;
};

/** The largest request, packed and unpacked. The processes send at most 512 spans at once, about 1 MB. */
export const largestBody = 16 * 1024 * 1024;
/** The most of an answer: the page shows a few hundred spans at a time. */
const mostFound = { spans: 5_000, bytes: 8 * 1024 * 1024 };
const mostTraces = 50;

/**
 * Starts a small collector on loopback that keeps the last spans in memory:
 *
 * - `POST /v1/traces` takes them by OTLP over HTTP, as protobuf.
 * - `GET /traces?id=<trace>&id=…` returns `{ spans, leftOut }`, see SpanStore.find().
 */
export async function startTraceServer(port: number, store: SpanStore = createSpanStore()): Promise<TraceServer> {
  const server = createServer((request, response) => {
    answer(request, store).then(
      ({ status, body, type }) => response.writeHead(status, { "content-type": type }).end(body),
      (error: unknown) => refuse(response, error),
    );
  });
  await listen(server, port);
  return {
    url: `http://${loopback}:${addressedPort(server)}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Answer = { readonly status: number; readonly body: string; readonly type: string };

const protobuf = "application/x-protobuf";
const json = "application/json";

async function answer(request: IncomingMessage, store: SpanStore): Promise<Answer> {
  if (!isLocal.test(request.headers.host ?? "")) {
    // A web page that has its own name resolve to this machine must not read what the shop does.
    throw new Refusal(403, "host: must be this machine's loopback");
  }
  const [path = "", query] = (request.url ?? "").split("?", 2);
  const route = `${request.method} ${path}`;
  if (route === "POST /v1/traces") {
    const type = request.headers["content-type"]?.split(";", 1)[0]?.trim();
    if (type !== protobuf) {
      throw new Refusal(415, `content-type: must be ${protobuf}`);
    }
    store.add(decoded(await unpacked(request)));
    // An empty ExportTraceServiceResponse: all were taken.
    return { status: 200, body: "", type: protobuf };
  }
  if (route === "GET /traces") {
    const ids = new URLSearchParams(query).getAll("id");
    if (ids.length === 0 || ids.length > mostTraces || !ids.every(isTraceId)) {
      throw new Refusal(400, `id: must be given 1 to ${mostTraces} times, each with 32 lower-case hex digits`);
    }
    return { status: 200, body: JSON.stringify(store.find(ids, mostFound)), type: json };
  }
  throw new Refusal(404, `there is no ${route}`);
}

const isLocal = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  const status = error instanceof Refusal ? error.status : 500;
  const message = error instanceof Error ? error.message : String(error);
  // What is left of a request that was too large is not read.
  response.writeHead(status, { "content-type": json, connection: "close" }).end(JSON.stringify({ error: message }));
}

function decoded(body: Uint8Array) {
  try {
    return decodeSpans(body);
  } catch (cause) {
    throw new Refusal(
      400,
      `the body is no ExportTraceServiceRequest: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}

async function unpacked(request: IncomingMessage): Promise<Uint8Array> {
  const body = await read(request);
  const encoding = request.headers["content-encoding"] ?? "identity";
  switch (encoding) {
    case "identity":
      return body;
    case "gzip":
      return await unzip(body, { maxOutputLength: largestBody }).catch((error: unknown) => {
        const isLarge = error instanceof RangeError;
        throw isLarge ? tooLarge() : new Refusal(400, "the body is not gzip, as content-encoding says");
      });
    default:
      throw new Refusal(415, "content-encoding: must be gzip or none");
  }
}

const unzip = promisify(gunzip);

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > largestBody) {
      throw tooLarge();
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function tooLarge(): Refusal {
  return new Refusal(413, `the body is larger than ${largestBody} bytes`);
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: loopback, port }, resolve);
  });
}

function addressedPort(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
