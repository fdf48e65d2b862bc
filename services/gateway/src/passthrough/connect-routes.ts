import { type ConnectRouterOptions, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import * as connectProtocol from "@connectrpc/connect/protocol-connect";
import * as grpcProtocol from "@connectrpc/connect/protocol-grpc";
import * as grpcWebProtocol from "@connectrpc/connect/protocol-grpc-web";
import { compressionBrotli, compressionGzip, universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import type { Log } from "@sagacart/chassis/process/log";
import { answerCall } from "@sagacart/chassis/rpc/connect-handler";
import type { FastifyInstance, FastifyRequest } from "fastify";

export type ConnectRoutesOptions = ConnectRouterOptions & {
  /** Adds the services. Returns what serves them. */
  handlers(router: ReturnType<typeof createConnectRouter>): readonly UniversalHandler[];
  contextValues(request: FastifyRequest): ContextValues;
  readonly log: Log;
};

/** Serves Connect's handlers, as the plugin of `@connectrpc/connect-fastify` does, but for what goes wrong: see answerCall. */
export async function connectRoutes(app: FastifyInstance, options: ConnectRoutesOptions): Promise<void> {
  const { handlers, contextValues, log, ...routerOptions } = options;
  const router = createConnectRouter({ acceptCompression: [compressionGzip, compressionBrotli], ...routerOptions });
  // Connect reads bodies itself, JSON too.
  app.removeAllContentTypeParsers();
  for (const { contentTypeRegExp } of [grpcProtocol, grpcWebProtocol, connectProtocol]) {
    app.addContentTypeParser(contentTypeRegExp, (_request, _payload, done) => done(null, undefined));
  }
  for (const handler of handlers(router)) {
    app.all(handler.requestPath, async (request, reply) => {
      const { raw: response } = reply;
      const call = universalRequestFromNodeRequest(request.raw, response, undefined, contextValues(request));
      await answerCall(handler, call, {
        response,
        log,
        // Those that hooks have set: Fastify sends them only with an answer of its own.
        beforeAnswer() {
          for (const [name, value] of Object.entries(reply.getHeaders())) {
            if (value !== undefined) {
              response.setHeader(name, value);
            }
          }
        },
      });
    });
  }
}
