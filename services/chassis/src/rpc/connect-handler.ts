import type { ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Log } from "../process/log.ts";
import { type StrictJsonHandlerOptions, strictJson } from "./strict-json-handler.ts";

/** Answers calls by Connect's router, as connectNodeAdapter() does, except for error handling: see answerCall. */
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
    void answerCall(handler, universalRequestFromNodeRequest(request, response, undefined, undefined), {
      response,
      log: options.log,
    });
  };
}

/**
 * Has Connect's handler answer a call; it never rejects. Where the answer cannot be sent, the caller gets status 500 or, if
 * part of it was sent already, a cut-off answer. Connect's own adapters write a stack trace to the console, past the log, for
 * each caller who is gone in the middle of a message, and for each whose request the server has ended by itself, since it did
 * not come in completely in time.
 */
export async function answerCall(
  handler: UniversalHandler,
  request: UniversalServerRequest,
  to: { response: ServerResponse | Http2ServerResponse; log: Log; beforeAnswer?: (() => void) | undefined },
): Promise<void> {
  const { response, log, beforeAnswer } = to;
  const rpc = `${handler.service.typeName}/${handler.method.name}`;
  try {
    const answer = await handler(request);
    if (response.headersSent) {
      log.debug({ rpc }, "the request was ended before it had come in completely");
      return;
    }
    beforeAnswer?.();
    await universalResponseToNodeResponse(answer, response);
  } catch (error) {
    const isGone = "stream" in response ? response.stream.destroyed : response.destroyed;
    if (isGone || ConnectError.from(error).code === Code.Aborted) {
      log.debug({ error, rpc }, "the caller was gone before it had its answer");
    } else {
      log.error({ error, rpc }, "the answer could not be sent");
      endFailed(response);
    }
  }
}

/** Ends an answer that went wrong: as it is, the caller would wait for the rest, or take an empty one for a success. */
function endFailed(response: ServerResponse | Http2ServerResponse): void {
  if (!response.headersSent) {
    // Of the answer that was not sent.
    for (const name of ["content-type", "content-length", "content-encoding", "trailer"]) {
      response.removeHeader(name);
    }
    response.statusCode = 500;
    response.end();
  } else if ("stream" in response) {
    response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  } else {
    response.destroy();
  }
}
