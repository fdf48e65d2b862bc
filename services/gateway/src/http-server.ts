import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

export type BothServer = {
  /** Its closeAllConnections() cuts off those of both protocols. */
  readonly server: Server;
  /** For a server that closes: lets HTTP/2's streams end and takes no more, and leaves those who sent nothing yet. */
  closeIdle(): void;
};

/**
 * One port for HTTP/1.1 and for cleartext HTTP/2 by prior knowledge (what gRPC clients speak): a connection's first
 * bytes tell which. The HTTP/1.1 server listens, so its limits and its way to close hold; a connection that begins
 * with HTTP/2's preface is handed to the other one before anything is read of it. A session of HTTP/2 is told to go
 * away at its age (0: any), so that a client which keeps one open finds other pods.
 */
export function createBothServer(handler: RequestListener, maxConnectionAgeMs = 0): BothServer {
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      // Clients that pool connections keep idle ones for up to a minute, and must not find them closed by us.
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
    // The peer is gone or speaks nonsense; the session is destroyed already.
  });

  const http1 = server.listeners("connection");
  server.removeAllListeners("connection");
  const silent = new Set<Socket>();
  const http2Sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
    peek(socket, (isHttp2) => {
      silent.delete(socket);
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

/** Reads just enough to tell, and puts it back. Who sends nothing is let go. */
function peek(socket: Socket, tell: (isHttp2: boolean) => void): void {
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
    tell(isPreface);
  };
  const timer = setTimeout(leave, firstBytesTimeoutMs);
  socket.once("close", () => clearTimeout(timer));
  socket.on("error", leave);
  socket.on("end", leave);
  socket.on("readable", look);
}
