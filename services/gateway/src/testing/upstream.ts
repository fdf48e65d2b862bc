import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request that came to an upstream. */
export type Received = { readonly line: string; readonly headers: IncomingHttpHeaders; readonly body: string };

/** A process behind the gateway: records each request, and answers 200 `{}` unless the test sets another answer. */
export type Upstream = AsyncDisposable & {
  readonly url: string;
  readonly received: Received[];
  answer(handler: (request: IncomingMessage, response: ServerResponse) => void): void;
};

export async function startUpstream(): Promise<Upstream> {
  const received: Received[] = [];
  let answer = (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  };
  const server = createServer(async (request, response) => {
    received.push({ line: `${request.method} ${request.url}`, headers: request.headers, body: await text(request) });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    answer(handler) {
      answer = handler;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
