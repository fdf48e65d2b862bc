import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { accessRule } from "@sagacart/chassis/auth/access";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import { strictJson } from "@sagacart/chassis/rpc/strict-json-handler";
import { shorten } from "@sagacart/chassis/shorten";
import { checkToken, refuseService } from "@sagacart/rest/auth";
import { withoutTransport } from "@sagacart/rest/problem";
import { domain } from "@sagacart/rest/reasons";
import type { FastifyInstance } from "fastify";
import { cachingInterceptor } from "../edge/caching.ts";
import { publicServices, type Services } from "../services.ts";
import { isAnnotated } from "../v1/bindings.ts";
import { feeds } from "../v1/feeds.ts";
import { unaryCall } from "../v1/unary-call.ts";

export type ConnectOptions = {
  readonly services: Services;
  readonly verifier: Verifier | undefined;
  readonly readMaxBytes: number;
  /** Ends streams when the gateway stops. */
  readonly stopping: AbortSignal;
};

/**
 * Serves the services' RPCs to browsers and other clients, at `/package.Service/Method`: Connect and gRPC-Web, and gRPC
 * over HTTP/2. Only public methods, which are those that REST serves; all others are UNIMPLEMENTED.
 *
 * Messages are decoded and encoded again on the way, instead of being passed on as bytes, so that the same client as
 * everywhere balances these calls over the pods, retries them and gives them deadlines.
 */
export async function connect(
  app: FastifyInstance,
  { services, verifier, readMaxBytes, stopping }: ConnectOptions,
): Promise<void> {
  await app.register(fastifyConnectPlugin, {
    routes(router) {
      servePublic(router, services);
      for (const [index, handler] of router.handlers.entries()) {
        router.handlers[index] = strictJson(handler, { domain, readMaxBytes });
      }
    },
    interceptors: [cachingInterceptor, badTokensRefused(verifier)],
    readMaxBytes,
    shutdownSignal: stopping,
    shutdownError: new ConnectError("the gateway is shutting down; try again", Code.Unavailable),
  });
  // An internal method answers as one that does not exist.
  app.route({
    method: ["GET", "POST"],
    url: "/:service(^sagacart\\.[\\w.]+$)/:method",
    onRequest(request, reply) {
      const path = request.url.split("?", 1)[0] ?? "";
      const message = `${shorten(path.slice(1), 200)} is not served here`;
      const type = request.headers["content-type"] ?? "";
      if (type.startsWith("application/grpc")) {
        // gRPC has statuses of its own, in headers.
        reply
          .headers({ "content-type": type, "grpc-status": "12", "grpc-message": encodeURIComponent(message) })
          .send();
      } else {
        reply.code(404).send({ code: "unimplemented", message });
      }
    },
    handler() {},
  });
}

/** Refuses calls without a good token, and with that of a program, in the protocol that they came by. */
function badTokensRefused(verifier: Verifier | undefined): Interceptor {
  return (next) => async (request) => {
    const authorization = request.header.get("authorization") ?? undefined;
    if (!accessRule(request.method).anyone) {
      await checkToken(verifier, authorization);
    }
    await refuseService(verifier, authorization);
    return await next(request);
  };
}

/** Returns true if callers from outside may use a method. */
export function isPublic(method: DescMethod): boolean {
  return publicByHand.has(method) || isAnnotated(method);
}

const publicByHand = new Set<DescMethod>(feeds.map(({ binding }) => binding.method));

function servePublic(router: ConnectRouter, services: Services): void {
  for (const service of publicServices.keys()) {
    const transport = services.transportTo(service);
    for (const method of service.methods.filter(isPublic)) {
      if (isUnary(method)) {
        const call = unaryCall(method, transport);
        router.rpc(method, async (request: Message, context: HandlerContext) => {
          try {
            return await call(request, context.signal, context.timeoutMs());
          } catch (error) {
            throw withoutTransport(error);
          }
        });
      } else if (isServerStreaming(method)) {
        router.rpc(method, async function* (request: Message, context: HandlerContext) {
          try {
            const answer = await transport.stream(
              method,
              context.signal,
              context.timeoutMs(),
              undefined,
              once(request),
            );
            yield* answer.message;
          } catch (error) {
            throw withoutTransport(error);
          }
        });
      }
    }
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}
