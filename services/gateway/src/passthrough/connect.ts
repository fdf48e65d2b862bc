import { Http2ServerResponse } from "node:http2";
import { create, type DescMessage, type DescMethod, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createContextValues, type HandlerContext } from "@connectrpc/connect";
import {
  type UniversalHandler,
  type UniversalServerRequest,
  uResponseMethodNotAllowed,
} from "@connectrpc/connect/protocol";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { accessRule } from "@sagacart/chassis/auth/access";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import { codeName, DomainError, toConnectError } from "@sagacart/chassis/errors";
import type { Log } from "@sagacart/chassis/process/log";
import { shutdownReasons } from "@sagacart/chassis/rpc/interceptors/in-flight";
import { longListOf } from "@sagacart/chassis/rpc/long-list";
import { isServerStreaming, isUnary } from "@sagacart/chassis/rpc/method-kind";
import { serveReflection } from "@sagacart/chassis/rpc/reflection";
import { strictJson } from "@sagacart/chassis/rpc/strict-json-handler";
import { invalidFields } from "@sagacart/chassis/rpc/violation";
import { shorten } from "@sagacart/chassis/shorten";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { Health } from "@sagacart/proto/grpc/health/v1/health";
import { checkToken, refuseService } from "@sagacart/rest/auth";
import { problemOf, withoutTransport } from "@sagacart/rest/problem";
import type { Readiness } from "@sagacart/rest/ready";
import { domain } from "@sagacart/rest/reasons";
import { type Refusals, requestRefused } from "@sagacart/rest/refusals";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { cachingInterceptor, unstoredError } from "../edge/caching.ts";
import { publicServices, type Services } from "../services.ts";
import { isAnnotated, isBodyOnly } from "../v1/bindings.ts";
import { feeds } from "../v1/feeds.ts";
import { unaryCall } from "../v1/unary-call.ts";
import { connectRoutes } from "./connect-routes.ts";
import { edgeCall, passOn, recordRefusedCalls, refuseCall } from "./refused-calls.ts";

export type ConnectOptions = {
  readonly services: Services;
  /** Served as gRPC's health. */
  readonly readiness: Readiness;
  readonly verifier: Verifier | undefined;
  /** The largest message of a caller with a token, and that of all others. */
  readonly bodyLimitBytes: number;
  readonly anonymousBodyLimitBytes: number;
  readonly log: Log;
  /** Records the calls that are refused here. */
  readonly refusals: Refusals;
  /** Ends streams when the gateway stops. */
  readonly stopping: AbortSignal;
};

/**
 * Returns a signal that ends streams with UNAVAILABLE / SHUTTING_DOWN when the gateway stops: their callers begin them again, at
 * another one. Other calls end by themselves.
 */
function endingAt(stopping: AbortSignal): AbortSignal {
  const ending = new AbortController();
  const error = new DomainError(shutdownReasons, "SHUTTING_DOWN", "the gateway is shutting down; try again");
  const end = () => ending.abort(toConnectError(error, domain));
  stopping.addEventListener("abort", end, { once: true });
  return ending.signal;
}

/**
 * Serves the services' RPCs to browsers and other clients, at `/package.Service/Method`: Connect and gRPC-Web, and gRPC
 * over HTTP/2. Only public methods, which are those that REST serves; all others are UNIMPLEMENTED.
 *
 * Messages are decoded and encoded again on the way, instead of being passed on as bytes, so that the same client as
 * everywhere balances these calls over the pods, retries them and gives them deadlines.
 */
export async function connect(
  app: FastifyInstance,
  { services, readiness, verifier, bodyLimitBytes, anonymousBodyLimitBytes, log, refusals, stopping }: ConnectOptions,
): Promise<void> {
  // Before the routes, which take the handler that there is.
  app.setErrorHandler(inProtocol(refusals));
  await app.register(connectRoutes, {
    handlers(router) {
      const readMaxBytesOf = (method: DescMethod) =>
        accessRule(method).anyone ? anonymousBodyLimitBytes : bodyLimitBytes;
      servePublic(router, services, { readMaxBytesOf, ending: endingAt(stopping) });
      const shown = [...publicServices.keys()].filter(({ methods }) => methods.some(isPublic));
      readiness.health.serve(
        router,
        shown.map(({ typeName }) => typeName),
      );
      serveReflection(router, [...shown, Health], isPublic);
      return router.handlers.map((handler) => {
        const strict = strictJson(handler, { domain, readMaxBytes: readMaxBytesOf(handler.method) });
        const plain = handler.method.input.fields.some(isBodyOnly) ? withoutGet(strict) : strict;
        return isPublic(handler.method) ? recordRefusedCalls(plain, refusals) : plain;
      });
    },
    log,
    interceptors: [cachingInterceptor],
    requestGate: (context) => refuseBadToken(verifier, context),
    contextValues: (request) => createContextValues().set(edgeCall, { request, isPassedOn: false }),
  });
  // An internal method answers as one that does not exist.
  app.route({
    method: ["GET", "POST"],
    url: "/:service(^\\w+\\.[\\w.]+$)/:method",
    onRequest(request, reply) {
      const path = request.url.split("?", 1)[0] ?? "";
      const message = `${shorten(path.slice(1), 200)} is not served here`;
      refusals.refused(request, { event: requestRefused, reason: "UNIMPLEMENTED" });
      const type = request.headers["content-type"] ?? "";
      if (type.startsWith("application/grpc")) {
        refuseGrpc(reply, { type, code: Code.Unimplemented, message });
      } else {
        reply.code(404).send({ code: "unimplemented", message });
      }
    },
    handler() {},
  });
}

/** Makes a handler refuse Connect's GET, which has the message in the URL. */
function withoutGet(handler: UniversalHandler): UniversalHandler {
  const refusing = async (request: UniversalServerRequest) =>
    request.method === "GET" ? uResponseMethodNotAllowed : handler(request);
  const allowedMethods = handler.allowedMethods.filter((method) => method !== "GET");
  return Object.assign(refusing, { ...handler, allowedMethods });
}

/** Answers what hooks refuse, such as too many calls, in the protocol of the call. */
function inProtocol(refusals: Refusals) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { problem, headers } = problemOf(error, request.id);
    refusals.answered(request, problem, error);
    const code = codeOfTitle.get(problem.title) ?? Code.Unknown;
    const type = request.headers["content-type"] ?? "";
    const refusal = new ConnectError(problem.detail, code);
    const { reason, metadata } = problem;
    refusal.details = [{ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain, metadata }) }];
    if (type.startsWith("application/grpc")) {
      const trailer = new Headers();
      setTrailerStatus(trailer, refusal);
      const details = trailer.get("grpc-status-details-bin") ?? "";
      const more = { ...headers, "grpc-status-details-bin": details };
      refuseGrpc(reply, { type, code, message: problem.detail, more });
    } else {
      reply
        .code(problem.status)
        .headers({ ...headers, "cache-control": "no-store" })
        .type("application/json")
        .send(errorToJson(refusal, undefined));
    }
  };
}

/** The titles of problems are the names of codes. */
const codeOfTitle: ReadonlyMap<string, Code> = new Map(
  Object.values(Code)
    .filter((code): code is Code => typeof code === "number")
    .map((code) => [codeName(code).toUpperCase(), code]),
);

/**
 * Answers with a status of gRPC, as gRPC specifies for a refusal without messages (Trailers-Only): one frame of
 * headers that ends the stream. Fastify, and Node's compatibility API below it, send an empty frame of data after them,
 * which gRPC clients report as a stream without trailers.
 */
function refuseGrpc(
  reply: FastifyReply,
  { type, code, message, more = {} }: { type: string; code: Code; message: string; more?: Record<string, string> },
): void {
  const headers = {
    ...more,
    "cache-control": "no-store",
    "content-type": type,
    "grpc-status": String(code),
    "grpc-message": encodeURIComponent(message),
    "x-request-id": reply.request.id,
  };
  if (reply.raw instanceof Http2ServerResponse) {
    const { stream } = reply.raw;
    reply.hijack();
    stream.respond({ ":status": 200, ...reply.raw.getHeaders(), ...headers }, { endStream: true });
    // Discards the rest of the request.
    stream.resume();
  } else {
    reply.headers(headers).send();
  }
}

/**
 * Refuses calls without a good token, and with that of a program, in the protocol that they came by, before their message
 * is read.
 */
async function refuseBadToken(verifier: Verifier | undefined, context: HandlerContext): Promise<void> {
  const authorization = context.requestHeader.get("authorization") ?? undefined;
  try {
    if (!accessRule(context.method).anyone) {
      await checkToken(verifier, authorization);
    }
    await refuseService(verifier, authorization);
  } catch (error) {
    refuseCall(context, unstoredError(error));
  }
}

/** Returns true if callers from outside may use a method. */
export function isPublic(method: DescMethod): boolean {
  return publicByHand.has(method) || isAnnotated(method);
}

const publicByHand = new Set<DescMethod>(feeds.map(({ binding }) => binding.method));

function servePublic(
  router: ConnectRouter,
  services: Services,
  { readMaxBytesOf, ending }: { readMaxBytesOf: (method: DescMethod) => number; ending: AbortSignal },
): void {
  for (const service of publicServices.keys()) {
    const transport = services.transportTo(service);
    for (const method of service.methods.filter(isPublic)) {
      const readMaxBytes = readMaxBytesOf(method);
      if (isUnary(method)) {
        const call = unaryCall(method, transport);
        const answer = async (request: Message, context: HandlerContext) => {
          refuseLongLists(method.input, request);
          passOn(context);
          try {
            return await call(request, context.signal, context.timeoutMs());
          } catch (error) {
            throw withoutTransport(error);
          }
        };
        router.rpc(method, answer, { readMaxBytes });
      } else if (isServerStreaming(method)) {
        const answer = async function* (request: Message, context: HandlerContext) {
          refuseLongLists(method.input, request);
          passOn(context);
          try {
            const { message } = await transport.stream(
              method,
              AbortSignal.any([context.signal, ending]),
              context.timeoutMs(),
              undefined,
              once(request),
            );
            yield* message;
          } catch (error) {
            throw withoutTransport(error);
          }
        };
        router.rpc(method, answer, { readMaxBytes });
      }
    }
  }
}

/**
 * Refuses messages with lists that are longer than the contract allows. The service would, too; but a megabyte of empty
 * items is a hundred times as much in memory, and must not wait here for the service's answer.
 */
function refuseLongLists(schema: DescMessage, request: Message): void {
  const violation = longListOf(schema, request);
  if (violation !== undefined) {
    throw toConnectError(invalidFields([violation]), domain);
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
