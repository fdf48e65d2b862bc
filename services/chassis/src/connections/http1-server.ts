import { createServer, type RequestListener, type Server, STATUS_CODES } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { SecurityLog } from "../auth/security-log.ts";
import type { Tls } from "../tls/files.ts";
import { recordHandshake } from "../tls/refused-handshake.ts";
import { keepRenewed, serverOptions } from "../tls/server.ts";
import { endStalledAnswers, http1Options, limitConnections } from "./http1.ts";
import { type ConnectionLimits, serviceConnections } from "./limits.ts";
import { endWith } from "./raw-answer.ts";
import { recordConnections } from "./refused.ts";

export type Http1ServerOptions = {
  /** Those of the shop's own processes where absent. */
  readonly limits?: ConnectionLimits;
  /** Serves TLS if this has a server certificate, without asking for one of the client's; plain text where absent. */
  readonly tls?: Tls | undefined;
  /** Records connections and TLS handshakes that are refused. */
  readonly security?: SecurityLog | undefined;
};

/**
 * Creates a server for HTTP/1.1 alone, for the shop's own processes, Prometheus and probes: with the bounds of connections
 * and the security headers of every answer.
 */
export function createHttp1Server(
  handler: RequestListener,
  { limits = serviceConnections, tls, security }: Http1ServerOptions = {},
): Server {
  const onRefused = recordConnections(security);
  const server =
    tls?.current.own === undefined ? createServer(http1Options(limits), handler) : secureServer(handler, limits, tls);
  server.on("clientError", refuse);
  server.on("tlsClientError", (error, socket) => recordHandshake(security, error, socket));
  endStalledAnswers(server, limits, onRefused);
  limitConnections(server, limits, onRefused);
  return server;
}

function secureServer(handler: RequestListener, limits: ConnectionLimits, tls: Tls): Server {
  const server = createHttpsServer({ ...http1Options(limits), ...serverOptions(tls) }, handler);
  keepRenewed(server, tls);
  return server;
}

/** Answers what is no request in one line of text. */
function refuse(error: Error & { code?: string }, socket: Socket): void {
  endWith(socket, error, () => {
    const status = statusOf(error.code);
    const title = STATUS_CODES[status] ?? "";
    return { status, title, contentType: "text/plain; charset=utf-8", body: `${title.toLowerCase()}\n` };
  });
}

function statusOf(code: string | undefined): number {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return 431;
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408;
    default:
      return 400;
  }
}
