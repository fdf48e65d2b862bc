import { constants, Http2ServerRequest } from "node:http2";
import type { Readable } from "node:stream";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import { gauge, type Metrics } from "@sagacart/chassis/process/metrics";
import { EdgeError } from "@sagacart/rest/problem";
import { type Refusals, requestLimited } from "@sagacart/rest/refusals";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Counter } from "prom-client";
import { publicServices } from "../services.ts";
import { callerOf } from "./caller.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** An event stream, which lives for hours: counted apart from requests that are answered once. */
    stream?: boolean;
  }
}

/** How many requests may be under way at a time, in each gateway process. 0: no limit. */
export type ConcurrencyLimits = {
  readonly requestsPerCaller: number;
  readonly requests: number;
  readonly streamsPerCaller: number;
  readonly streams: number;
  /** The most bytes of request bodies, from their announcement or arrival until the answers are read. */
  readonly bodyBytesPerCaller: number;
  readonly bodyBytes: number;
};

type Kind = "request" | "stream" | "body";

export type ConcurrencyOptions = {
  readonly limits: ConcurrencyLimits;
  readonly verifier: Verifier | undefined;
  readonly metrics: Metrics;
  readonly refusals: Refusals;
};

/**
 * Limits the requests and event streams of one caller that are under way at a time, and those of all callers together. A
 * request is under way until its answer has been read, so that slow readers use up their own share and nobody else's.
 * Callers are users, by their token, and without one addresses. Above a limit, the answer is TOO_MANY_REQUESTS (429) with
 * Retry-After; RESOURCE_EXHAUSTED for Connect and gRPC.
 *
 * The bytes of their bodies are limited in the same way, since a body and what is parsed of it fill the memory until it is
 * answered. A body counts by its Content-Length before it is read. One of unknown length counts as it arrives, and its
 * request is cut off when it exceeds a limit: it may be half parsed by then, and there is nothing that could answer it.
 */
export function limitConcurrency(
  app: FastifyInstance,
  { limits, verifier, metrics, refusals }: ConcurrencyOptions,
): void {
  const refused = new Counter({
    name: "http_server_concurrency_refused_total",
    help: "Requests refused because too many were under way, by what was counted and whose.",
    labelNames: ["kind", "of"],
    registers: [metrics],
  });
  const counts = {
    request: createCount({ most: limits.requests, mostPerCaller: limits.requestsPerCaller }),
    stream: createCount({ most: limits.streams, mostPerCaller: limits.streamsPerCaller }),
    body: createCount({ most: limits.bodyBytes, mostPerCaller: limits.bodyBytesPerCaller }),
  };
  gauge(metrics, "http_server_streams", "Event streams that are open.", () => counts.stream.all());
  gauge(metrics, "http_server_body_bytes", "Bytes of request bodies that are not answered yet.", () =>
    counts.body.all(),
  );

  // Each hook of a context comes before those of its routes: the check of tokens, and the count of writes.
  app.addHook("onRequest", async (request, reply) => {
    const caller = await callerOf(request, verifier);
    const kind = kindOf(request);
    enter(reply, kind, caller, 1);
    const announced = announcedBytes(request);
    if (announced !== undefined) {
      enter(reply, "body", caller, announced);
    } else {
      let counted = 0;
      let isOver = false;
      reply.raw.once("close", () => {
        isOver = true;
        counts.body.leave(caller, counted);
      });
      onArrival(request.raw, (bytes) => {
        // The rest of a body that was answered before its end is dropped.
        if (isOver) {
          return;
        }
        const over = counts.body.enter(caller, bytes);
        if (over === undefined) {
          counted += bytes;
        } else {
          refused.inc({ kind: "body", of: over.of });
          const limit = limitName("body", over);
          refusals.refused(request, { event: requestLimited, reason: "TOO_MANY_REQUESTS", limit });
          cutOff(request.raw);
        }
      });
    }
  });

  function enter(reply: FastifyReply, kind: Kind, caller: string, weight: number): void {
    const over = counts[kind].enter(caller, weight);
    if (over === undefined) {
      reply.raw.once("close", () => counts[kind].leave(caller, weight));
      return;
    }
    refused.inc({ kind, of: over.of });
    const whose = over.of === "caller" ? "of one caller" : "of all callers together";
    throw new EdgeError(
      "TOO_MANY_REQUESTS",
      `more than ${over.most} ${counted[kind]} ${whose} are under way; come back later`,
      { headers: { "retry-after": "1" }, limit: limitName(kind, over) },
    );
  }
}

const counted: Readonly<Record<Kind, string>> = {
  request: "requests",
  stream: "event streams",
  body: "bytes of request bodies",
};

/** Names a limit in the security log: `requests_of_caller`, `body_bytes_of_all`. */
function limitName(kind: Kind, { of }: Over): string {
  return `${{ request: "requests", stream: "streams", body: "body_bytes" }[kind]}_of_${of}`;
}

/** Returns the length that a request says its body has; undefined if it does not say it. */
function announcedBytes({ headers, raw }: FastifyRequest): number | undefined {
  const length = Number(headers["content-length"]);
  if (length >= 0) {
    return length;
  }
  const hasNone = raw.httpVersionMajor === 1 && headers["transfer-encoding"] === undefined;
  return hasNone ? 0 : undefined;
}

/**
 * Calls `arrived` with the size of each part of a body when it comes in, and of what is there already. Node hands parts to
 * the request by its push(), over HTTP/1.1 and HTTP/2; listening for data would start to read a body whose reader is not
 * there yet.
 */
function onArrival(raw: Readable, arrived: (bytes: number) => void): void {
  if (raw.readableLength > 0) {
    arrived(raw.readableLength);
  }
  const push = raw.push.bind(raw);
  raw.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk instanceof Uint8Array) {
      arrived(chunk.length);
    }
    return push(chunk, encoding);
  };
}

export const unlimitedConcurrency: ConcurrencyLimits = {
  requestsPerCaller: 0,
  requests: 0,
  streamsPerCaller: 0,
  streams: 0,
  bodyBytesPerCaller: 0,
  bodyBytes: 0,
};

type Over = { readonly of: "caller" | "all"; readonly most: number };

function createCount({ most, mostPerCaller }: { most: number; mostPerCaller: number }) {
  const perCaller = new Map<string, number>();
  let all = 0;
  return {
    all: () => all,
    enter(key: string, weight: number): Over | undefined {
      const own = perCaller.get(key) ?? 0;
      if (mostPerCaller > 0 && own + weight > mostPerCaller) {
        return { of: "caller", most: mostPerCaller };
      }
      if (most > 0 && all + weight > most) {
        return { of: "all", most };
      }
      all += weight;
      if (own + weight > 0) {
        perCaller.set(key, own + weight);
      }
      return undefined;
    },
    leave(key: string, weight: number): void {
      all -= weight;
      const left = (perCaller.get(key) ?? 0) - weight;
      if (left <= 0) {
        perCaller.delete(key);
      } else {
        perCaller.set(key, left);
      }
    },
  };
}

/** Ends a request without an answer: its connection over HTTP/1.1, its stream over HTTP/2, whose request would leave that. */
function cutOff(raw: Readable): void {
  if (raw instanceof Http2ServerRequest) {
    raw.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  } else {
    raw.destroy();
  }
}

/** Decides by the route, as of the sign-ins: a path can be spelled in many ways. */
function kindOf({ routeOptions: { config, url = "" } }: FastifyRequest): "request" | "stream" {
  return config.stream === true || streamingRoutes.has(url) ? "stream" : "request";
}

const streamingRoutes: ReadonlySet<string> = new Set([
  ...[...publicServices.keys()]
    .flatMap(({ methods }) => methods)
    .filter(({ methodKind }) => methodKind !== "unary")
    .map(({ parent, name }) => `/${parent.typeName}/${name}`),
  "/grpc.health.v1.Health/Watch",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
]);
