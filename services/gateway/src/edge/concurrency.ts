import type { Verifier } from "@sagacart/chassis/auth/verify";
import { gauge, type Metrics } from "@sagacart/chassis/process/metrics";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyRequest } from "fastify";
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
};

type Kind = "request" | "stream";

/**
 * Limits the requests and event streams of one caller that are under way at a time, and those of all callers together. A
 * request is under way until its answer has been read, so that slow readers use up their own share and nobody else's.
 * Callers are users, by their token, and without one addresses. Above a limit, the answer is TOO_MANY_REQUESTS (429) with
 * Retry-After; RESOURCE_EXHAUSTED for Connect and gRPC.
 */
export function limitConcurrency(
  app: FastifyInstance,
  { limits, verifier, metrics }: { limits: ConcurrencyLimits; verifier: Verifier | undefined; metrics: Metrics },
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
  };
  gauge(metrics, "http_server_streams", "Event streams that are open.", () => counts.stream.all());

  // Each hook of a context comes before those of its routes: the check of tokens, and the count of writes.
  app.addHook("onRequest", async (request, reply) => {
    const caller = await callerOf(request, verifier);
    const kind = kindOf(request);
    const over = counts[kind].enter(caller);
    if (over === undefined) {
      reply.raw.once("close", () => counts[kind].leave(caller));
      return;
    }
    refused.inc({ kind, of: over.of });
    const what = kind === "stream" ? "event streams" : "requests";
    const whose = over.of === "caller" ? "of one caller" : "of all callers together";
    throw new EdgeError("TOO_MANY_REQUESTS", `more than ${over.most} ${what} ${whose} are under way; come back later`, {
      headers: { "retry-after": "1" },
    });
  });
}

export const unlimitedConcurrency: ConcurrencyLimits = {
  requestsPerCaller: 0,
  requests: 0,
  streamsPerCaller: 0,
  streams: 0,
};

type Over = { readonly of: "caller" | "all"; readonly most: number };

function createCount({ most, mostPerCaller }: { most: number; mostPerCaller: number }) {
  const perCaller = new Map<string, number>();
  let all = 0;
  return {
    all: () => all,
    enter(key: string): Over | undefined {
      const own = perCaller.get(key) ?? 0;
      if (mostPerCaller > 0 && own >= mostPerCaller) {
        return { of: "caller", most: mostPerCaller };
      }
      if (most > 0 && all >= most) {
        return { of: "all", most };
      }
      all++;
      perCaller.set(key, own + 1);
      return undefined;
    },
    leave(key: string): void {
      all--;
      const left = (perCaller.get(key) ?? 1) - 1;
      if (left === 0) {
        perCaller.delete(key);
      } else {
        perCaller.set(key, left);
      }
    },
  };
}

/** Decides by the route, as of the sign-ins: a path can be spelled in many ways. */
function kindOf({ routeOptions: { config, url = "" } }: FastifyRequest): Kind {
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
