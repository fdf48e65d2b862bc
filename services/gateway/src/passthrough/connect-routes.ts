import { type ConnectRouterOptions, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip, universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import type { Log } from "@sagacart/chassis/process/log";
import { answerCall } from "@sagacart/chassis/rpc/connect-handler";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

export type ConnectRoutesOptions = ConnectRouterOptions & {
  /** Adds the services. Returns what serves them. */
  handlers(router: ReturnType<typeof createConnectRouter>): readonly UniversalHandler[];
  contextValues(request: FastifyRequest): ContextValues;
  readonly log: Log;
};

/** Serves Connect's handlers, as the plugin of `@connectrpc/connect-fastify` does, except for error handling: see answerCall. */
export async function connectRoutes(app: FastifyInstance, options: ConnectRoutesOptions): Promise<void> {
  const { handlers, contextValues, log, ...routerOptions } = options;
  const router = createConnectRouter({ acceptCompression: [compressionGzip, compressionBrotli], ...routerOptions });
  // Connect reads bodies itself, and refuses types that it does not know.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null, undefined));
  for (const handler of handlers(router)) {
    app.all(handler.requestPath, async (request, reply) => {
      const { raw: response } = reply;
      const call = callOf(request, response, contextValues(request));
      await answerCall(handler, call, {
        response,
        log,
        // Copies the headers that hooks have set: Fastify sends them only with an answer of its own.
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

/** Converts a request. Throws INVALID_REQUEST where its header `host` is none: there is no URL then. */
function callOf(request: FastifyRequest, response: FastifyReply["raw"], values: ContextValues): UniversalServerRequest {
  try {
    return universalRequestFromNodeRequest(request.raw, response, undefined, values);
  } catch {
    const violation = { field: "host", rule: "host", message: "must be the name of a host, and a port if any" };
    throw new EdgeError("INVALID_REQUEST", `host: ${violation.message}`, { violations: [violation] });
  }
}
