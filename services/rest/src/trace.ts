import type { CallContext } from "@sagacart/chassis/context";
import { type Span, tracer } from "@sagacart/chassis/trace/trace";
import { readTraceparent, readTracestate } from "@sagacart/chassis/trace/traceparent";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

type Trace = Pick<CallContext, "traceparent" | "tracestate" | "span">;

/**
 * Where this process traces, a span for each request, as a part of the trace that its caller sent along. Answers what
 * goes on to the services: that span, or else what came, if it is a trace.
 */
export function traceRequests(app: FastifyInstance): (request: FastifyRequest) => Trace {
  const tracing = tracer();
  if (tracing === undefined) {
    return traceThatCame;
  }
  const traces = new WeakMap<FastifyRequest, Trace>();
  app.addHook("onRequest", (request, reply, done) => {
    const route = request.routeOptions.url;
    if (route === undefined || !untraced.has(route)) {
      const came = traceThatCame(request);
      const { method } = request;
      const span = tracing.start(route === undefined ? method : `${method} ${route}`, {
        kind: "server",
        parent: came.traceparent,
        attributes: {
          "http.request.method": method,
          "http.route": route,
          // The query stays out, as of the log: it may name people.
          "url.path": request.url.split("?", 1)[0],
          "url.scheme": request.protocol,
          "network.protocol.version": request.raw.httpVersion,
          "sagacart.request_id": request.id,
        },
      });
      traces.set(request, { ...came, traceparent: span.traceparent, span });
      // However it ends: an event stream ends by its reader's going away.
      reply.raw.once("close", () => endSpan(span, request, reply));
    }
    done();
  });
  return (request) => traces.get(request) ?? {};
}

function endSpan(span: Span, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode } = reply;
  span.set({ "http.response.status_code": statusCode, "sagacart.order.id": orderIdOf(request, reply) });
  span.end(statusCode >= 500 ? String(statusCode) : undefined);
}

function traceThatCame({ headers }: FastifyRequest): Trace {
  const traceparent = readTraceparent(single(headers.traceparent));
  return traceparent === undefined ? {} : { traceparent, tracestate: readTracestate(single(headers.tracestate)) };
}

/** The order that a request is about: by its path, or by that of what it made. */
export function orderIdOf({ url }: FastifyRequest, reply: FastifyReply): string | undefined {
  const location = reply.getHeader("location");
  return orderPath.exec(url)?.[1] ?? (typeof location === "string" ? orderPath.exec(location)?.[1] : undefined);
}

const orderPath = /^\/v1\/orders\/([\w.~-]+)/;

/** Asked by machines, every few seconds. */
const untraced: ReadonlySet<string> = new Set(["/health", "/ready", "/metrics"]);

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
