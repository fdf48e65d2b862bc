import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import { firstBytesTimeoutMs } from "./http2-sessions.ts";
import { type ConnectionLimits, countConnections } from "./limits.ts";
import type { OnRefused } from "./refused.ts";
import { SecuredResponse } from "./security-headers.ts";

/** Returns the options of a server of HTTP/1.1 with these limits, whose every answer has the security headers. */
export function http1Options(limits: ConnectionLimits): ServerOptions {
  return {
    ServerResponse: SecuredResponse,
    maxHeaderSize: 16 * 1024,
    headersTimeout: firstBytesTimeoutMs(limits),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, limits.requestTimeoutMs / 2),
  };
}

/**
 * Cuts off callers over HTTP/1.1 that read nothing of their answer. Node's own timeout knows of writing that makes progress,
 * but would end requests that are waiting for their answer, too.
 */
export function endStalledAnswers(
  server: Server,
  { stalledAnswerMs }: ConnectionLimits,
  onRefused: OnRefused = () => {},
): void {
  const answering = new WeakSet<Socket>();
  const served = new WeakSet<Socket>();
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    answering.add(socket);
    served.add(socket);
    response.once("close", () => answering.delete(socket));
  });
  server.timeout = stalledAnswerMs;
  server.on("timeout", (socket: Socket) => {
    if (!answering.has(socket) || socket.writableLength > 0) {
      if (socket.writableLength > 0) {
        onRefused("ANSWER_NOT_READ", socket.remoteAddress);
      } else if (socket.bytesRead > 0 && !served.has(socket)) {
        onRefused("REQUEST_TIMEOUT", socket.remoteAddress);
      }
      socket.destroy();
    } else {
      socket.setTimeout(stalledAnswerMs);
    }
  });
}

/**
 * Closes connections that are too many before the server sees them: one that it begins with and that is closed at once
 * would be a session or a handshake that fails.
 */
export function limitConnections(server: NetServer, limits: ConnectionLimits, onRefused: OnRefused = () => {}): void {
  const open = countConnections(limits);
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket) => {
    if (!open.admit(socket)) {
      onRefused("TOO_MANY_CONNECTIONS", socket.remoteAddress);
      socket.destroy();
      return;
    }
    for (const listener of listeners) {
      listener.call(server, socket);
    }
  });
}
