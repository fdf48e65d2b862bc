import type { RequestListener, Server } from "node:http";
import { trackAllHttp1 } from "@sagacart/chassis/connections/http1-connections";
import { createHttp1Server } from "@sagacart/chassis/connections/http1-server";
import type { Tls } from "@sagacart/chassis/tls/files";

/** Serves the worker's /health (it is alive), /ready (it polls) and /metrics, over HTTP/1.1. */
export async function startAdmin(options: {
  host: string;
  port: number;
  /** Returns Prometheus' text format. */
  metrics: () => Promise<string>;
  isReady: () => boolean;
  /** Resolves at the signal to stop: from then on its answers say that the connection is to be closed. */
  stopping?: Promise<void>;
  /** The certificate to serve with; plain text where absent. */
  tls?: Tls | undefined;
}): Promise<AsyncDisposable> {
  const answer: RequestListener = async (request, response) => {
    switch (request.url) {
      case "/health":
        return response.writeHead(200, plain).end("alive\n");
      case "/ready":
        return options.isReady()
          ? response.writeHead(200, plain).end("ready\n")
          : response.writeHead(503, plain).end("not ready\n");
      case "/metrics":
        return response
          .writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" })
          .end(await options.metrics());
      default:
        return response.writeHead(404, plain).end("not found; try /health, /ready or /metrics\n");
    }
  };
  const server = createHttp1Server(answer, { tls: options.tls });
  const connections = trackAllHttp1(server);
  void options.stopping?.then(connections.announceEnd);
  await listen(server, options.host, options.port);
  return { [Symbol.asyncDispose]: () => connections.end({ graceMs: 0, limitMs: 500 }) };
}

const plain = { "content-type": "text/plain" };

function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error) => reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`)));
  server.listen(port, host, resolve);
  return promise;
}
