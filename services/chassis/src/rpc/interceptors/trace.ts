import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { callContext, runWithContext } from "../../context.ts";
import { codeName } from "../../errors.ts";
import type { Attributes, Tracer } from "../../trace/trace.ts";
import { isSampled } from "../../trace/traceparent.ts";
import { aroundEach, whenStreamEnds } from "./streams.ts";

/**
 * A span for each call that is served, in whose context the rest of it runs. A call that comes without a trace begins
 * one, but for those by which the shop's own processes ask each other for work, day and night.
 */
export function traceInterceptor(tracer: Tracer): Interceptor {
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
    if (!request.stream) {
      span.set({ "sagacart.order.id": orderIdIn(request.message) });
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
      span.set({ "sagacart.order.id": orderIdIn(response.message) });
      ended();
      return response;
    } catch (error) {
      ended(error);
      throw error;
    }
  };
}

/** Of a call to `sagacart.order.v1.OrderService/Checkout`. */
export function rpcAttributes(method: string): Attributes {
  return { "rpc.system.name": "grpc", "rpc.method": method };
}

/** `OK`, or the code as gRPC writes it. */
export function statusCode(code: Code | undefined): string {
  return code === undefined ? "OK" : codeName(code).toUpperCase();
}

/** A code that says that somebody failed; undefined for answers, and refusals are answers. */
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

const polled: ReadonlySet<string> = new Set([
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "sagacart.command.v1.CommandService",
  "sagacart.event.v1.EventService",
  "sagacart.event.v1.ConsumerService",
]);

function idOf(order: unknown): unknown {
  return typeof order === "object" && order !== null && "id" in order ? order.id : undefined;
}

/** The order that a message is about: one that names it, or has it. */
export function orderIdIn(message: Message): string | undefined {
  const id = "orderId" in message ? message.orderId : "order" in message ? idOf(message.order) : undefined;
  return typeof id === "string" && id !== "" ? id : undefined;
}
