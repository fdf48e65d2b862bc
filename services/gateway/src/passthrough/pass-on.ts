import type { IncomingHttpHeaders } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { createConnector } from "@sagacart/chassis/tls/connector";
import { callerLeft } from "@sagacart/rest/caller-left";
import { EdgeError } from "@sagacart/rest/problem";
import type { Reason } from "@sagacart/rest/reasons";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Agent, type Dispatcher } from "undici";

export type PassOnOptions = {
  /** The URL of the process behind, such as `http://127.0.0.1:8087`. */
  readonly upstream: string;
  /** The header in which that process looks for the caller's address. */
  readonly addressHeader: "x-client-address" | "x-forwarded-for";
  /** How long the answer may take to begin, and each part of it to follow. */
  readonly timeoutMs: number;
  readonly maxConnections: number;
  /** The answer while that process cannot be reached: 503. */
  readonly unavailable: { readonly reason: Reason; readonly message: string };
};

export type PassOn = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/**
 * Returns a handler that passes requests on to another process, and its answers back: the path unchanged, the method, the
 * headers and the body. The request id, the trace and the caller's address are the gateway's own; the
 * caller's claims about them are dropped. A caller who leaves cancels the request behind. Nothing is sent twice.
 *
 * Bodies are read completely before they are sent: one that is too large or incomplete is refused here, and a slow caller
 * holds no connection. @fastify/http-proxy streams bodies instead, so that a refusal before the end of the body costs the
 * caller its connection; it also repeats GETs answered with 503, and does not notice callers that disconnect.
 */
export function createPassOn(app: FastifyInstance, options: PassOnOptions): PassOn {
  const { upstream, addressHeader, timeoutMs, maxConnections, unavailable } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const agent = new Agent({
    connections: maxConnections,
    pipelining: 1,
    connect: createConnector({ timeout: 3_000 }),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  app.addHook("onClose", () => agent.close());

  return async (request, reply) => {
    const signal = callerLeft(reply);
    const context = callContext();
    let answer: Dispatcher.ResponseData;
    try {
      answer = await agent.request({
        origin: upstream,
        path: request.raw.url ?? "/",
        // Routes are for known methods only.
        method: request.method as Dispatcher.HttpMethod,
        headers: {
          ...endToEnd(request.headers),
          "x-forwarded-for": undefined,
          "x-client-address": undefined,
          [addressHeader]: request.ip,
          "x-request-id": request.id,
          traceparent: context?.traceparent,
          tracestate: context?.tracestate,
        },
        body: Buffer.isBuffer(request.body) && request.body.length > 0 ? request.body : null,
        signal,
      });
    } catch (error) {
      if (signal.aborted) {
        throw new ConnectError("the caller left before it was answered", Code.Canceled);
      }
      request.log.warn({ error, requestId: request.id, upstream }, "a request could not be passed on");
      throw new EdgeError(unavailable.reason, unavailable.message, { headers: { "retry-after": "1" } });
    }
    reply.code(answer.statusCode).headers(endToEnd(answer.headers));
    if (request.method === "HEAD" || answer.statusCode === 204 || answer.statusCode === 304) {
      await answer.body.dump();
      return reply.send();
    }
    return reply.send(answer.body);
  };
}

/** The headers without those of one connection alone (RFC 9110, 7.6.1) and HTTP/2's pseudo-headers. */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = headers.connection?.toLowerCase().split(/[\s,]+/) ?? [];
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !name.startsWith(":") && !ofTheConnection.has(name) && !named.includes(name),
    ),
  );
}

const ofTheConnection: ReadonlySet<string> = new Set([
  "connection",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
