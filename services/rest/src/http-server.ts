import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { tellHostileFrames } from "@sagacart/chassis/connections/hostile-frames";
import { endStalledAnswers, http1Options } from "@sagacart/chassis/connections/http1";
import { stopListening, trackHttp1 } from "@sagacart/chassis/connections/http1-connections";
import { firstBytesTimeoutMs, trackSessions } from "@sagacart/chassis/connections/http2-sessions";
import { type ConnectionLimits, countConnections, publicConnections } from "@sagacart/chassis/connections/limits";
import type { OnRefused } from "@sagacart/chassis/connections/refused";
import { SecuredHttp2Response } from "@sagacart/chassis/connections/security-headers";
import { atMost } from "@sagacart/chassis/time/at-most";
import type { Tls } from "@sagacart/chassis/tls/files";
import { keepRenewed, serverOptions } from "@sagacart/chassis/tls/server";

export type BothServer = {
  /** Its closeAllConnections() cuts off connections of both protocols. */
  readonly server: Server;
  /**
   * Asks callers to connect elsewhere, and serves on: answers over HTTP/1.1 say `Connection: close`, and connections of HTTP/2
   * get GOAWAY.
   */
  announceEnd(): void;
  /**
   * Announces the end, and takes no more connections; after `graceMs` closes those that are idle, and takes no more requests on
   * the others. Resolves when the last one is closed.
   */
  end(graceMs: number): Promise<void>;
  /** How many connections are open. */
  connections(): number;
};

export type BothOptions = {
  /** Unlimited if 0 or absent. */
  readonly maxConnectionAgeMs?: number;
  readonly tls?: Tls | undefined;
  /** Those of a public port where absent. */
  readonly connectionLimits?: ConnectionLimits;
  /** Peers that have no limit of their own, since they bring the requests of many. */
  readonly trustedProxies?: readonly string[] | "all";
  /** Called for each connection that is refused or cut off. */
  readonly onRefused?: OnRefused;
  /** Called for each TLS handshake that fails. */
  readonly onHandshakeFailed?: (error: unknown, socket: TLSSocket) => void;
};

/**
 * Creates a server for HTTP/1.1 and HTTP/2 on one port. In cleartext, HTTP/2 is by prior knowledge, as gRPC clients do it,
 * and the first bytes of a connection tell the protocol; with TLS, the handshake does, and cleartext is refused. The
 * HTTP/1.1 server listens, so its limits apply; HTTP/2 connections are handed to an HTTP/2 server. An HTTP/2
 * session is closed gracefully at its maximum age, so that a client that keeps it open finds new pods.
 *
 * Every answer has the security headers, also those that Node gives before any handler. What one peer can hold is bounded:
 * connections, requests at a time, the time for a request to come in and for an answer
 * to be read, resets of streams, and the memory of a session.
 */
export function createBothServer(handler: RequestListener, options: BothOptions = {}): BothServer {
  const { maxConnectionAgeMs = 0, tls, connectionLimits: limits = publicConnections, onRefused = () => {} } = options;
  const server = createServer(http1Options(limits), handler);
  endStalledAnswers(server, limits, onRefused);
  // Those of HTTP/1.1, and those that have not told their protocol yet.
  const http1Connections = trackHttp1(server);
  const http2 = createHttp2Server(
    {
      Http2ServerResponse: SecuredHttp2Response,
      maxSessionMemory: limits.sessionMemoryMb,
      streamResetBurst: limits.streamResets.burst,
      streamResetRate: limits.streamResets.perSecond,
      settings: {
        // What is kept of a body that nobody has read yet, for each stream.
        initialWindowSize: 128 * 1024,
        maxConcurrentStreams: limits.streamsPerConnection,
        maxHeaderListSize: 16 * 1024,
      },
    },
    // Node's compatibility API: the request and response have the shape of HTTP/1.1's, and Fastify takes both.
    handler as unknown as Parameters<typeof createHttp2Server>[1],
  );
  const sessions = trackSessions(http2, { maxAgeMs: maxConnectionAgeMs, limits, onRefused });
  // The peer disconnected or broke the protocol; the session is destroyed already.
  tellHostileFrames(http2, onRefused);

  const http1 = server.listeners("connection");
  server.removeAllListeners("connection");
  const http2Sockets = new Set<Socket>();
  const begin = tls === undefined ? peekFor(firstBytesTimeoutMs(limits), onRefused) : handshakes(tls, limits, options);
  const open = countConnections(limits, options.trustedProxies);
  server.on("connection", (connection) => {
    if (!open.admit(connection)) {
      onRefused("TOO_MANY_CONNECTIONS", connection.remoteAddress);
      connection.destroy();
      return;
    }
    http1Connections.add(connection);
    begin(connection, (socket, isHttp2) => {
      http1Connections.remove(connection);
      if (isHttp2) {
        http2Sockets.add(socket);
        socket.once("close", () => http2Sockets.delete(socket));
        // A server of HTTP/1.1 lets a peer that has ended its side read on. With HTTP/2 it has left, and nothing else tells it.
        socket.allowHalfOpen = false;
        http2.emit("connection", socket);
      } else {
        http1Connections.add(socket);
        for (const listener of http1) {
          listener.call(server, socket);
        }
      }
    });
  });
  server.closeAllConnections = () => {
    http1Connections.destroy();
    for (const socket of http2Sockets) {
      socket.destroy();
    }
  };
  const announceEnd = () => {
    sessions.announceEnd();
    http1Connections.announceEnd();
  };
  return {
    server,
    connections: open.count,
    announceEnd,
    async end(graceMs) {
      announceEnd();
      const closed = stopListening(server);
      await atMost(graceMs, closed);
      sessions.close();
      http1Connections.endIdle();
      await closed;
    },
  };
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n");

/** Receives the socket to read from, and its protocol. */
type Tell = (socket: Socket, isHttp2: boolean) => void;

/** Performs the TLS handshake. A connection that fails it is closed. */
function handshakes(
  tls: Tls,
  limits: ConnectionLimits,
  { onHandshakeFailed = () => {} }: BothOptions,
): (connection: Socket, tell: Tell) => void {
  const begun = new Map<string, Tell>();
  const server = createTlsServer({
    ...serverOptions(tls),
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: firstBytesTimeoutMs(limits),
  });
  server.on("secureConnection", (socket) => {
    const tell = begun.get(peerOf(socket));
    if (tell === undefined) {
      socket.destroy();
    } else {
      tell(socket, socket.alpnProtocol === "h2");
    }
  });
  server.on("tlsClientError", (error, socket) => {
    onHandshakeFailed(error, socket);
    socket.destroy();
  });
  keepRenewed(server, tls);
  return (connection, tell) => {
    const peer = peerOf(connection);
    begun.set(peer, tell);
    connection.once("close", () => begun.delete(peer));
    server.emit("connection", connection);
  };
}

/** Identifies the peer of a TCP connection, and of the TLS connection on it. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function peekFor(timeoutMs: number, onRefused: OnRefused): (connection: Socket, tell: Tell) => void {
  return (connection, tell) => peek(connection, { timeoutMs, onRefused }, tell);
}

/** Reads just enough to tell the protocol, and puts it back. A connection that sends nothing is closed. */
function peek(socket: Socket, { timeoutMs, onRefused }: { timeoutMs: number; onRefused: OnRefused }, tell: Tell): void {
  let seen: Buffer = Buffer.alloc(0);
  const leave = () => socket.destroy();
  const look = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      return;
    }
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const isPreface = preface.subarray(0, seen.length).equals(seen.subarray(0, preface.length));
    if (isPreface && seen.length < preface.length) {
      return;
    }
    clearTimeout(timer);
    socket.off("readable", look);
    socket.off("error", leave);
    socket.off("end", leave);
    socket.unshift(seen);
    tell(socket, isPreface);
  };
  const timer = setTimeout(() => {
    // Browsers open connections that they may need: one that has sent nothing is not an attempt at anything.
    if (seen.length > 0) {
      onRefused("REQUEST_TIMEOUT", socket.remoteAddress);
    }
    leave();
  }, timeoutMs);
  socket.once("close", () => clearTimeout(timer));
  socket.on("error", leave);
  socket.on("end", leave);
  socket.on("readable", look);
}
