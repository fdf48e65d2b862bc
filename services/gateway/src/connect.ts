import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import type { FastifyInstance } from "fastify";
import { badTokensRefused } from "./auth.ts";
import { withoutTransport } from "./problem.ts";
import { publicServices, type Services } from "./services.ts";
import { isAnnotated } from "./transcode/bindings.ts";
import { feeds } from "./transcode/feeds.ts";
import { unaryCall } from "./transcode/unary-call.ts";

export type ConnectOptions = {
  readonly services: Services;
  readonly verifier: Verifier | undefined;
  readonly readMaxBytes: number;
  /** Ends streams when the gateway stops. */
  readonly stopping: AbortSignal;
};

/**
 * The services themselves, for browsers: Connect and gRPC-Web, and gRPC over HTTP/2, at `/package.Service/Method`.
 * Only what is public: what REST serves. The rest is UNIMPLEMENTED here, as if it were not there.
 *
 * Messages are read and written again on the way, and not passed as bytes: so calls are balanced over the pods,
 * tried again and given deadlines by the same client as all others.
 */
export async function connect(
  app: FastifyInstance,
  { services, verifier, readMaxBytes, stopping }: ConnectOptions,
): Promise<void> {
  await app.register(fastifyConnectPlugin, {
    routes: (router) => servePublic(router, services),
    interceptors: [badTokensRefused(verifier)],
    readMaxBytes,
    shutdownSignal: stopping,
    shutdownError: new ConnectError("the gateway is shutting down; try again", Code.Unavailable),
  });
  // What an internal method answers is what one answers that was never there.
  app.route({
    method: ["GET", "POST"],
    url: "/:service(^sagacart\\.[\\w.]+$)/:method",
    onRequest(request, reply) {
      const path = request.url.split("?", 1)[0] ?? "";
      const message = `${path.slice(1, 200)} is not served here`;
      const type = request.headers["content-type"] ?? "";
      if (type.startsWith("application/grpc")) {
        // gRPC's statuses are its own, and come without a body.
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

/** Whether callers from outside may use a method. */
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
