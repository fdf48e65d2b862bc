import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Tls } from "@sagacart/chassis/tls/files";
import { keepRenewed, serverOptions } from "@sagacart/chassis/tls/server";

export type BothServer = {
  /** Its closeAllConnections() cuts off connections of both protocols. */
  readonly server: Server;
  /** For a server that closes: HTTP/2 streams end and no new ones are accepted; connections that sent nothing are dropped. */
  closeIdle(): void;
};

export type BothOptions = {
  /** Unlimited if 0 or absent. */
  readonly maxConnectionAgeMs?: number;
  readonly tls?: Tls | undefined;
};

/**
 * Creates a server for HTTP/1.1 and HTTP/2 on one port. In cleartext, HTTP/2 is by prior knowledge, as gRPC clients do it,
 * and the first bytes of a connection tell the protocol; with TLS, the handshake does, and cleartext is refused. The
 * HTTP/1.1 server listens, so its limits and its close() apply; HTTP/2 connections are handed to an HTTP/2 server. An HTTP/2
 * session is closed gracefully at its maximum age, so that a client that keeps it open finds new pods.
 */
export function createBothServer(handler: RequestListener, options: BothOptions = {}): BothServer {
  const { maxConnectionAgeMs = 0, tls } = options;
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      // Clients keep idle connections in their pools for up to a minute; they must not find them closed by the server.
      keepAliveTimeout: 75_000,
    },
    handler,
  );
  const http2 = createHttp2Server(
    {
      maxSessionMemory: 64,
      streamResetBurst: 10_000,
      streamResetRate: 5_000,
      settings: { initialWindowSize: 1024 * 1024, maxConcurrentStreams: 1_000, maxHeaderListSize: 16 * 1024 },
    },
    // Node's compatibility API: the request and response have the shape of HTTP/1.1's, and Fastify takes both.
    handler as unknown as Parameters<typeof createHttp2Server>[1],
  );
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    const timer = maxConnectionAgeMs > 0 ? setTimeout(() => session.close(), maxConnectionAgeMs) : undefined;
    session.once("close", () => {
      clearTimeout(timer);
      sessions.delete(session);
    });
  });
  http2.on("sessionError", () => {
    // The peer disconnected or broke the protocol; the session is destroyed already.
  });

  const http1 = server.listeners("connection");
  server.removeAllListeners("connection");
  const silent = new Set<Socket>();
  const http2Sockets = new Set<Socket>();
  const begin = tls === undefined ? peek : handshakes(tls);
  server.on("connection", (connection) => {
    silent.add(connection);
    connection.once("close", () => silent.delete(connection));
    begin(connection, (socket, isHttp2) => {
      silent.delete(connection);
      if (isHttp2) {
        http2Sockets.add(socket);
        socket.once("close", () => http2Sockets.delete(socket));
        http2.emit("connection", socket);
      } else {
        for (const listener of http1) {
          listener.call(server, socket);
        }
      }
    });
  });
  const closeHttp1 = server.closeAllConnections.bind(server);
  server.closeAllConnections = () => {
    closeHttp1();
    for (const socket of http2Sockets) {
      socket.destroy();
    }
  };
  return {
    server,
    closeIdle() {
      for (const session of sessions) {
        session.close();
      }
      for (const socket of silent) {
        socket.destroy();
      }
    },
  };
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n");
const firstBytesTimeoutMs = 15_000;

/** Receives the socket to read from, and its protocol. */
type Tell = (socket: Socket, isHttp2: boolean) => void;

/** Performs the TLS handshake. A connection that fails it is closed. */
function handshakes(tls: Tls): (connection: Socket, tell: Tell) => void {
  const begun = new Map<string, Tell>();
  const server = createTlsServer({ ...serverOptions(tls), ALPNProtocols: ["h2", "http/1.1"] });
  server.on("secureConnection", (socket) => {
    const tell = begun.get(peerOf(socket));
    if (tell === undefined) {
      socket.destroy();
    } else {
      tell(socket, socket.alpnProtocol === "h2");
    }
  });
  server.on("tlsClientError", (_, socket) => socket.destroy());
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

/** Reads just enough to tell the protocol, and puts it back. A connection that sends nothing is closed. */
function peek(socket: Socket, tell: Tell): void {
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
  const timer = setTimeout(leave, firstBytesTimeoutMs);
  socket.once("close", () => clearTimeout(timer));
  socket.on("error", leave);
  socket.on("end", leave);
  socket.on("readable", look);
}
