import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { callContext, runWithContext } from "../../context.ts";
import { codeName } from "../../errors.ts";
import type { Attributes, Tracer } from "../../trace/span.ts";
import { isSampled } from "../../trace/traceparent.ts";
import type { Subject } from "../subject.ts";
import { aroundEach, whenStreamEnds } from "./streams.ts";

export type TraceOptions = {
  tracer: Tracer;
  subject: Subject | undefined;
  /** The full names of services that other processes poll: their calls join a trace, but begin none. */
  polled: ReadonlySet<string>;
};

/** Starts a span for each call that is served, and runs the rest of the call in its context. */
export function traceInterceptor({ tracer, subject, polled }: TraceOptions): Interceptor {
  return (next) => async (request) => {
    const context = callContext();
    const parent = context?.traceparent;
    const service = request.service.typeName;
    if (context === undefined || (!isSampled(parent) && polled.has(service))) {
      return await next(request);
    }
    const name = `${service}/${request.method.name}`;
    const span = tracer.start(name, { kind: "server", parent, attributes: rpcAttributes(name) });
    const known = { ...context, traceparent: span.traceparent, span };
    if (!span.recording) {
      return await runWithContext(known, () => next(request));
    }
    if (subject !== undefined && !request.stream) {
      span.set({ [subject.attribute]: subject.idIn(request.message) });
    }
    const ended = (error?: unknown) => {
      const code = error === undefined ? undefined : ConnectError.from(error).code;
      span.set({ "rpc.status_code": statusCode(code) });
      span.end(failure(code));
    };
    try {
      const response = await runWithContext(known, () => next(request));
      if (response.stream) {
        const message = aroundEach(response.message, (step) => runWithContext(known, step));
        return { ...response, message: whenStreamEnds(message, ended) };
      }
      if (subject !== undefined) {
        span.set({ [subject.attribute]: subject.idIn(response.message) });
      }
      ended();
      return response;
    } catch (error) {
      ended(error);
      throw error;
    }
  };
}

/** The attributes of a call to `method`, for example `sagacart.order.v1.OrderService/Checkout`. */
export function rpcAttributes(method: string): Attributes {
  return { "rpc.system.name": "grpc", "rpc.method": method };
}

/** `OK`, or the code as gRPC writes it. */
export function statusCode(code: Code | undefined): string {
  return code === undefined ? "OK" : codeName(code).toUpperCase();
}

/** The code of a call that failed; undefined for successes and for refusals, which are answers. */
export function failure(code: Code | undefined): string | undefined {
  return code !== undefined && failures.has(code) ? statusCode(code) : undefined;
}

const failures: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);
