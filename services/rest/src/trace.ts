import type { CallContext } from "@sagacart/chassis/context";
import { shorten } from "@sagacart/chassis/shorten";
import type { Span } from "@sagacart/chassis/trace/span";
import { tracer } from "@sagacart/chassis/trace/trace";
import { readTraceparent, readTracestate } from "@sagacart/chassis/trace/traceparent";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

type Trace = Pick<CallContext, "traceparent" | "tracestate" | "span">;

/**
 * Starts a span for each request, in the caller's trace if there is one, where tracing is on. Returns a function that gives
 * the trace to pass on to the services: the span's, or without tracing the caller's, if it is valid.
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
          // Without the query, which may contain personal data.
          "url.path": shorten(request.url.split("?", 1)[0] ?? "", 500),
          "url.scheme": request.protocol,
          "network.protocol.version": request.raw.httpVersion,
          "sagacart.request_id": request.id,
        },
      });
      traces.set(request, { ...came, traceparent: span.traceparent, span });
      // On close, not on finish: an event stream ends when its reader disconnects.
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

/** Finds the order that a request is about, in its path or in the Location of its answer. */
export function orderIdOf({ url }: FastifyRequest, reply: FastifyReply): string | undefined {
  const location = reply.getHeader("location");
  const found = orderPath.exec(url) ?? (typeof location === "string" ? orderPath.exec(location) : undefined);
  return found?.[1];
}

const orderPath = /^\/v1\/orders\/([\w.~-]{1,64})/;

/** Polled every few seconds. Whoever looks at traces must not add to them. */
const untraced: ReadonlySet<string> = new Set(["/health", "/ready", "/metrics", "/observe/traces"]);

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
