import { runWithContext } from "@sagacart/chassis/context";
import type { Log, LogLevel } from "@sagacart/chassis/process/log";
import { gauge, type Metrics } from "@sagacart/chassis/process/metrics";
import { shorten } from "@sagacart/chassis/shorten";
import { spanIdOf, traceIdOf } from "@sagacart/chassis/trace/traceparent";
import type { FastifyInstance } from "fastify";
import { Histogram } from "prom-client";
import { orderIdOf, traceRequests } from "./trace.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The group that a route is measured with, such as `v1` or `wdm`: the label `surface` of the metrics. */
    surface?: string;
  }
}

type Plugin<Options> = (app: FastifyInstance, options: Options) => void | Promise<void>;

/** Wraps a plugin so that its routes are measured under this name. */
export function surface<Options>(name: string, plugin: Plugin<Options>) {
  return async (app: FastifyInstance, options: Options): Promise<void> => {
    app.addHook("onRoute", (route) => {
      route.config = { ...route.config, surface: name };
    });
    await plugin(app, options);
  };
}

/** Returns what a program says that it is, in at most 200 printable characters: it becomes a header of other calls. */
function userAgentOf(header: string | undefined): string | undefined {
  const text = header
    ?.replaceAll(/[^\x20-\x7e]/g, "")
    .slice(0, 200)
    .trim();
  return text === "" ? undefined : text;
}

/**
 * Gives each request an id, which the answer and all calls for it carry, and writes one log line and one observation when
 * it ends. Successes are logged as `debug`, 4xx as `info` and 5xx as `warn`.
 */
export function observe(app: FastifyInstance, { log, metrics }: { log: Log; metrics: Metrics }): void {
  const durations = new Histogram({
    name: "http_server_duration_seconds",
    help: "How long it took to answer a request.",
    labelNames: ["surface", "method", "route", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [metrics],
  });

  let inFlight = 0;
  gauge(metrics, "http_server_in_flight", "Requests that are being answered, event streams too.", () => inFlight);

  app.addHook("onRequest", (request, reply, done) => {
    inFlight++;
    reply.raw.once("close", () => {
      inFlight--;
    });
    reply.header("x-request-id", request.id);
    done();
  });
  const traceOf = traceRequests(app);
  // In the last hook before the handler: earlier steps, such as reading the body, may leave the call's context.
  app.addHook("preHandler", (request, _reply, done) => {
    const { authorization } = request.headers;
    const caller = { authorization, clientAddress: request.ip, userAgent: userAgentOf(request.headers["user-agent"]) };
    runWithContext({ requestId: request.id, ...traceOf(request), ...caller }, done);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method, url: path } = request;
    const route = request.routeOptions.url ?? "none";
    const status = reply.statusCode;
    const surface = request.routeOptions.config.surface ?? "other";
    durations.observe({ surface, method, route, status }, reply.elapsedTime / 1000);
    const level = levelOf(status);
    if (log.isLevelEnabled(level)) {
      // Without the query, which may contain personal data.
      const fields = {
        requestId: request.id,
        method,
        path: shorten(path.split("?", 1)[0] ?? "", mostPathBytes),
        status,
      };
      const { traceparent } = traceOf(request);
      const trace = traceparent && { traceId: traceIdOf(traceparent), spanId: spanIdOf(traceparent) };
      log[level](
        { ...fields, ...trace, orderId: orderIdOf(request, reply), ms: Math.round(reply.elapsedTime * 100) / 100 },
        "request",
      );
    }
    done();
  });
}

/** Longer than any path that is served. */
const mostPathBytes = 500;

function levelOf(status: number): Exclude<LogLevel, "silent"> {
  if (status >= 500) {
    return "warn";
  }
  return status >= 400 ? "info" : "debug";
}
