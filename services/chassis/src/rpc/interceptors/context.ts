import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type CallContext, runWithContext } from "../../context.ts";
import { readTraceparent, readTracestate } from "../../trace/traceparent.ts";
import { uuidv7 } from "../../uuid.ts";
import { aroundEach } from "./streams.ts";

/** Reads the request id, the deadline and the trace of a call, and runs the rest of it in that context. */
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

/** The context of a call with these headers, received at `nowMs`. */
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
  };
}

/** A call whose time is over is not begun. */
export function refuseLate({ deadlineMs }: CallContext, nowMs: number): void {
  if (deadlineMs !== undefined && deadlineMs <= nowMs) {
    throw new ConnectError("the deadline had passed when the call came in", Code.DeadlineExceeded);
  }
}

/** A request id goes into logs and errors: one that is long, or more than a word, is not taken over. */
export function requestIdOr(given: string | null, make: () => string): string {
  return given !== null && /^[\w.:/+=-]{1,128}$/.test(given) ? given : make();
}

const unitsMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** `250m`, `10S`: gRPC's way to write a timeout. Undefined for anything else. */
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
