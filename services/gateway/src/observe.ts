import { runWithContext } from "@sagacart/chassis/context";
import type { Log, LogLevel } from "@sagacart/chassis/log";
import type { Metrics } from "@sagacart/chassis/metrics";
import type { FastifyInstance } from "fastify";
import { Histogram } from "prom-client";

/**
 * Each request has an id, which every answer tells and every call it makes passes on; one line in the log and one
 * observation when it ends. What went well is `debug`, what the caller got wrong `info`, our own failures `warn`.
 */
export function observe(app: FastifyInstance, { log, metrics }: { log: Log; metrics: Metrics }): void {
  const durations = new Histogram({
    name: "http_server_duration_seconds",
    help: "How long the gateway took to answer a request.",
    labelNames: ["method", "route", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [metrics],
  });

  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    done();
  });
  // The last hook before a handler: what came before may have left the call's context, as reading a body does.
  app.addHook("preHandler", (request, _reply, done) => {
    const { traceparent, authorization } = request.headers;
    runWithContext(
      {
        requestId: request.id,
        traceparent: typeof traceparent === "string" ? traceparent : undefined,
        authorization,
        clientAddress: request.ip,
      },
      done,
    );
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method, url: path } = request;
    const route = request.routeOptions.url ?? "none";
    const status = reply.statusCode;
    durations.observe({ method, route, status }, reply.elapsedTime / 1000);
    const level = levelOf(status);
    if (log.isLevelEnabled(level)) {
      // The query stays out of the log: it may name people.
      const fields = { requestId: request.id, method, path: path.split("?", 1)[0], status };
      log[level]({ ...fields, ms: Math.round(reply.elapsedTime * 100) / 100 }, "request");
    }
    done();
  });
}

function levelOf(status: number): Exclude<LogLevel, "silent"> {
  if (status >= 500) {
    return "warn";
  }
  return status >= 400 ? "info" : "debug";
}
