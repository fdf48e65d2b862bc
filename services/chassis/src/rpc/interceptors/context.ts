import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type CallContext, runWithContext } from "../../context.ts";
import { readTraceparent, readTracestate } from "../../trace/traceparent.ts";
import { uuidv7 } from "../../uuid.ts";
import { aroundEach } from "./streams.ts";

/** Reads a call's request id, deadline and trace, and runs the rest of the call in that context. */
export function contextInterceptor(): Interceptor {
  return (next) => async (request) => {
    const nowMs = Date.now();
    const context = readContext((name) => request.header.get(name), nowMs);
    refuseLate(context, nowMs);
    const response = await runWithContext(context, () => next(request));
    if (response.stream) {
      return { ...response, message: aroundEach(response.message, (step) => runWithContext(context, step)) };
    }
    return response;
  };
}

type HeaderOf = (name: string) => string | null;

/** Returns the context of a call with these headers, received at `nowMs`. */
export function readContext(headerOf: HeaderOf, nowMs: number): CallContext {
  const timeoutMs = readTimeout(headerOf);
  const traceparent = readTraceparent(headerOf("traceparent"));
  return {
    requestId: requestIdOr(headerOf("x-request-id"), uuidv7),
    deadlineMs: timeoutMs === undefined ? undefined : nowMs + timeoutMs,
    traceparent,
    tracestate: traceparent === undefined ? undefined : readTracestate(headerOf("tracestate")),
    authorization: headerOf("authorization") ?? undefined,
    clientAddress: headerOf("x-client-address") ?? undefined,
    userAgent: headerOf("x-client-user-agent") ?? undefined,
  };
}

/** Refuses a call whose deadline has passed. */
export function refuseLate({ deadlineMs }: CallContext, nowMs: number): void {
  if (deadlineMs !== undefined && deadlineMs <= nowMs) {
    throw new ConnectError("the deadline had passed when the call came in", Code.DeadlineExceeded);
  }
}

/** Returns the given request id, or a new one if it is too long or not a single word: it goes into logs and errors. */
export function requestIdOr(given: string | null, make: () => string): string {
  return given !== null && /^[\w.:/+=-]{1,128}$/.test(given) ? given : make();
}

const unitsMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** Parses a timeout of gRPC, for example `250m` or `10S`, to ms. Undefined for anything else. */
export function parseGrpcTimeout(text: string): number | undefined {
  const unit = unitsMs[text.slice(-1)];
  const value = text.slice(0, -1);
  return unit !== undefined && /^\d{1,8}$/.test(value) ? Number(value) * unit : undefined;
}

function readTimeout(headerOf: HeaderOf): number | undefined {
  const grpc = headerOf("grpc-timeout");
  if (grpc !== null) {
    return parseGrpcTimeout(grpc);
  }
  const connect = headerOf("connect-timeout-ms");
  return connect !== null && /^\d{1,10}$/.test(connect) ? Number(connect) : undefined;
}
