import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
} from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Log } from "../process/log.ts";
import { type StrictJsonHandlerOptions, strictJson } from "./strict-json-handler.ts";

/**
 * Answers calls by Connect's router. It does what connectNodeAdapter() does, which writes a stack trace to the console
 * for each caller who is gone in the middle of a message (`write ECANCELED`): that is a line of the log, at debug.
 */
export function createConnectHandler(
  options: ConnectRouterOptions & StrictJsonHandlerOptions & { routes: (router: ConnectRouter) => void; log: Log },
): (request: Http2ServerRequest, response: Http2ServerResponse) => void {
  const router = createConnectRouter(options);
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, strictJson(handler, options)]));
  return (request, response) => {
    const handler = handlers.get(request.url.split("?", 1)[0] ?? "");
    if (handler === undefined) {
      response.writeHead(404).end();
      return;
    }
    handler(universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error) => {
        const rpc = `${handler.service.typeName}/${handler.method.name}`;
        if (response.stream.destroyed || ConnectError.from(error).code === Code.Aborted) {
          options.log.debug({ error, rpc }, "the caller was gone before it had its answer");
        } else {
          options.log.error({ error, rpc }, "the answer could not be sent");
        }
      });
  };
}
