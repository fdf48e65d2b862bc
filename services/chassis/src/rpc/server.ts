import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { requireAccessRules } from "../auth/access.ts";
import type { Verifier } from "../auth/verify.ts";
import type { Log } from "../process/log.ts";
import type { Metrics } from "../process/metrics.ts";
import { atMost } from "../time/at-most.ts";
import type { Tls } from "../tls/files.ts";
import { keepRenewed, peerServerOptions } from "../tls/server.ts";
import { createGrpcUnary } from "./grpc-unary.ts";
import type { Health } from "./health.ts";
import { innerInterceptors, serverInterceptors } from "./interceptors/all.ts";
import { createInFlight, type InFlight } from "./interceptors/in-flight.ts";
import { serveReflection } from "./reflection.ts";
import { recordUnary, type UnaryMethods } from "./unary-methods.ts";

export type ServerOptions = {
  host: string;
  /** gRPC, gRPC-Web and Connect over HTTP/2: in cleartext, or with `tls` over nothing but TLS. 0 takes a free port. */
  port: number;
  /** Where it has a certificate of our own, the port speaks TLS. */
  tls?: Tls | undefined;
  /** Metrics and probes over HTTP/1.1, always in cleartext. 0 takes a free port. */
  adminPort: number;
  routes: (router: ConnectRouter) => void;
  health: Health;
  log: Log;
  metrics: Metrics;
  /** Whose the reasons of errors are, like `stock.sagacart`. */
  domain: string;
  /** What most calls are about, for example `order`: spans and log lines carry its id. */
  subject?: string | undefined;
  /** Services that other processes poll: their calls begin no trace. */
  polled?: readonly DescService[] | undefined;
  /**
   * How old a connection gets (within a tenth) before it is told to go away; its calls may end, streams too, however
   * long they take. 0: any age.
   */
  maxConnectionAgeMs?: number;
  /** Tells who calls. Without it, nothing is asked of anybody: for tests inside one process. */
  verifier?: Verifier | undefined;
  /** Serve unary gRPC calls by Connect's adapter, too: for comparing. */
  withoutFastPath?: boolean;
};

export type Server = AsyncDisposable & {
  readonly port: number;
  readonly adminPort: number;
  /**
   * Takes no more calls and lets those under way end, for at most `timeoutMs`; then streams are told UNAVAILABLE,
   * and what still is there is cut off. Resolves when the port is free.
   */
  drain(timeoutMs: number): Promise<void>;
};

/** Serves the routes, health and reflection. Rejects when a port is taken. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const inFlight = createInFlight(options.domain);
  const { http2, sockets } = createHttp2(options);
  http2.on("stream", streamHandler(options, inFlight));
  const sessions = trackSessions(http2, options.maxConnectionAgeMs ?? 0);
  http2.on("sessionError", (error) => options.log.debug({ error }, "a connection failed"));
  const admin = createHttpServer(adminHandler(options));
  try {
    await listen(http2, options.host, options.port);
    await listen(admin, options.host, options.adminPort);
  } catch (error) {
    http2.close();
    throw error;
  }

  async function drain(timeoutMs: number): Promise<void> {
    const closed = new Promise((resolve) => http2.close(resolve));
    for (const session of sessions) {
      session.close();
    }
    const goodbyeMs = Math.min(500, timeoutMs / 5);
    await atMost(timeoutMs - goodbyeMs, inFlight.unaryEnded());
    inFlight.endStreams();
    await atMost(goodbyeMs, closed);
    for (const session of sessions) {
      session.destroy();
    }
    for (const socket of sockets) {
      socket.destroy();
    }
    await closed;
    await new Promise((resolve) => {
      admin.close(resolve);
      admin.closeAllConnections();
    });
  }

  return {
    port: portOf(http2),
    adminPort: portOf(admin),
    drain,
    [Symbol.asyncDispose]: () => drain(0),
  };
}

const http2Options = {
  // Many calls share one connection: with the default of 10 MB, a thousand with large messages are refused.
  maxSessionMemory: 256,
  // The default takes 33 cancelled calls a second for an attack. Here they are callers whose time is up.
  streamResetBurst: 10_000,
  streamResetRate: 5_000,
  // A message of half a megabyte in one go, and not in eight with waits between them.
  settings: { initialWindowSize: 1024 * 1024, maxConcurrentStreams: 10_000 },
  // A stream on which nothing is said would be kept for ever for a caller whose machine is gone: TCP finds out in 20 s.
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
};

/** With the connections that are no sessions yet: who does not end the TLS handshake would keep a server from closing. */
function createHttp2({ tls, log }: ServerOptions): { http2: Http2Server; sockets: Set<Socket> } {
  const sockets = new Set<Socket>();
  if (tls?.current.own === undefined) {
    return { http2: createHttp2Server(http2Options), sockets };
  }
  const http2: Http2SecureServer = createSecureServer({ ...http2Options, ...peerServerOptions(tls) });
  keepRenewed(http2, tls);
  http2.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  http2.on("tlsClientError", (error, { remoteAddress }) => {
    log.debug({ error, remoteAddress }, "a connection was refused");
  });
  return { http2, sockets };
}

const limits = { readMaxBytes: 2 * 1024 * 1024, writeMaxBytes: 4 * 1024 * 1024 };

type StreamHandler = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

function streamHandler(options: ServerOptions, inFlight: InFlight): StreamHandler {
  const methods: UnaryMethods = new Map();
  const adapter = adapterHandler(options, inFlight, methods);
  const grpcUnary = createGrpcUnary({
    methods: options.withoutFastPath === true ? new Map() : methods,
    interceptors: innerInterceptors(options),
    inFlight,
    ...limits,
  });
  return (stream, headers, _flags, rawHeaders) => {
    if (!grpcUnary(stream, headers)) {
      // What a listener for "request" would get. With both listeners, node answers a call twice.
      adapter(new Http2ServerRequest(stream, headers, {}, rawHeaders), new Http2ServerResponse(stream));
    }
  };
}

function adapterHandler(options: ServerOptions, inFlight: InFlight, methods: UnaryMethods) {
  return connectNodeAdapter({
    routes(plain) {
      const router = recordUnary(plain, methods);
      options.routes(router);
      if (options.verifier !== undefined) {
        requireAccessRules(router.handlers.map(({ service }) => service));
      }
      options.health.serve(router, [...new Set(router.handlers.map(({ service }) => service.typeName))]);
      serveReflection(router, [...new Set(router.handlers.map(({ service }) => service))]);
    },
    interceptors: [inFlight.interceptor, ...serverInterceptors(options)],
    shutdownSignal: inFlight.signal,
    ...limits,
    // Read when a caller compresses; never done ourselves: inside a cluster it costs more than it saves.
    acceptCompression: [compressionGzip],
    compressMinBytes: limits.writeMaxBytes,
  });
}

/**
 * The sessions there are. Each is told to go away at its age: a caller then connects anew, and looks up the
 * addresses anew, which is how it finds pods that came later. Ages differ by a tenth, so that not all of them come
 * back at the same time. A session closes when its last call has ended: a stream stays on its connection, as ending it
 * would only make its caller open it again.
 */
function trackSessions(http2: Http2Server, maxAgeMs: number): Set<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => {
    sessions.add(session);
    session.setLocalWindowSize(4 * 1024 * 1024);
    const ageMs = maxAgeMs * (0.9 + Math.random() * 0.2);
    const timer = maxAgeMs > 0 ? setTimeout(() => session.close(), ageMs) : undefined;
    session.once("close", () => {
      clearTimeout(timer);
      sessions.delete(session);
    });
  });
  return sessions;
}

function adminHandler({ metrics, health, log }: ServerOptions): Parameters<typeof createHttpServer>[1] {
  return (request, response) => {
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { "content-type": type }).end(body);
    switch (request.url?.split("?", 1)[0]) {
      case "/metrics":
        metrics.metrics().then(
          (text) => answer(200, metrics.contentType, text),
          (error) => {
            log.error({ error }, "the metrics cannot be read");
            answer(500, "text/plain", "the metrics cannot be read\n");
          },
        );
        break;
      case "/health":
        answer(200, "text/plain", "alive\n");
        break;
      case "/ready":
        answer(health.isServing() ? 200 : 503, "text/plain", health.isServing() ? "serving\n" : "not serving\n");
        break;
      default:
        answer(404, "text/plain", "there are /metrics, /health and /ready\n");
    }
  };
}

function listen(server: NetServer, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host, port }, () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}

function portOf(server: HttpServer | Http2Server): number {
  const address: AddressInfo | string | null = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}
