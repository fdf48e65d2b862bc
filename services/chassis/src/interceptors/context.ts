import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type CallContext, runWithContext } from "../context.ts";
import { uuidv7 } from "../uuid.ts";
import { aroundEach } from "./streams.ts";

/** Reads the request id, the deadline and the trace of a call, and runs the rest of it in that context. */
export function contextInterceptor(): Interceptor {
  return (next) => async (request) => {
    const context = readContext(request.header, Date.now());
    if (context.deadlineMs !== undefined && context.deadlineMs <= Date.now()) {
      throw new ConnectError("the deadline had passed when the call came in", Code.DeadlineExceeded);
    }
    const response = await runWithContext(context, () => next(request));
    if (response.stream) {
      return { ...response, message: aroundEach(response.message, (step) => runWithContext(context, step)) };
    }
    return response;
  };
}

/** The context of a call with these headers, received at `nowMs`. */
export function readContext(header: Headers, nowMs: number): CallContext {
  const timeoutMs = readTimeout(header);
  return {
    requestId: requestIdOr(header.get("x-request-id"), uuidv7),
    deadlineMs: timeoutMs === undefined ? undefined : nowMs + timeoutMs,
    traceparent: header.get("traceparent") ?? undefined,
  };
}

/** A request id goes into logs and errors: one that is long, or more than a word, is not taken over. */
export function requestIdOr(given: string | null | undefined, make: () => string): string {
  return given !== null && given !== undefined && /^[\w.:/+=-]{1,128}$/.test(given) ? given : make();
}

const unitsMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** `250m`, `10S`: gRPC's way to write a timeout. Undefined for anything else. */
export function parseGrpcTimeout(text: string): number | undefined {
  const unit = unitsMs[text.slice(-1)];
  const value = text.slice(0, -1);
  return unit !== undefined && /^\d{1,8}$/.test(value) ? Number(value) * unit : undefined;
}

function readTimeout(header: Headers): number | undefined {
  const grpc = header.get("grpc-timeout");
  if (grpc !== null) {
    return parseGrpcTimeout(grpc);
  }
  const connect = header.get("connect-timeout-ms");
  return connect !== null && /^\d{1,10}$/.test(connect) ? Number(connect) : undefined;
}
