import type { Server as HttpServer, RequestListener } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { Counter } from "prom-client";
import { requireAccessRules } from "../auth/access.ts";
import type { SecurityLog } from "../auth/security-log.ts";
import type { Verifier } from "../auth/verify.ts";
import { tellHostileFrames } from "../connections/hostile-frames.ts";
import { limitConnections } from "../connections/http1.ts";
import { stopListening, trackAllHttp1 } from "../connections/http1-connections.ts";
import { createHttp1Server } from "../connections/http1-server.ts";
import { firstBytesTimeoutMs, trackSessions } from "../connections/http2-sessions.ts";
import { type ConnectionLimits, serviceConnections } from "../connections/limits.ts";
import { type OnRefused, recordConnections } from "../connections/refused.ts";
import type { Log } from "../process/log.ts";
import type { Metrics } from "../process/metrics.ts";
import type { Shutdown } from "../process/shutdown.ts";
import { atMost } from "../time/at-most.ts";
import type { Tls } from "../tls/files.ts";
import { recordHandshake } from "../tls/refused-handshake.ts";
import { keepRenewed, peerServerOptions } from "../tls/server.ts";
import { createConnectHandler } from "./connect-handler.ts";
import { createGrpcUnary } from "./grpc-unary.ts";
import type { Health } from "./health.ts";
import { innerInterceptors, serverInterceptors } from "./interceptors/all.ts";
import { createInFlight, type InFlight } from "./interceptors/in-flight.ts";
import { serveReflection } from "./reflection.ts";
import { recordUnary, type UnaryMethods } from "./unary-methods.ts";

export type ServerOptions = {
  host: string;
  /** The port for gRPC, gRPC-Web and Connect over HTTP/2: in cleartext, or with `tls` over TLS only. 0 takes a free port. */
  port: number;
  /** With a certificate of our own, the port speaks TLS. */
  tls?: Tls | undefined;
  /** The port for metrics and probes over HTTP/1.1. 0 takes a free port. */
  adminPort: number;
  /** Serve metrics and probes over TLS, with the certificate of `tls`. */
  adminTls?: boolean;
  routes: (router: ConnectRouter) => void;
  health: Health;
  log: Log;
  metrics: Metrics;
  /** The domain of the errors' reasons, for example `stock.sagacart`. */
  domain: string;
  /** The kind of resource that most calls are about, for example `order`: spans and log lines carry its id. */
  subject?: string | undefined;
  /** Services that other processes poll: their calls begin no trace. */
  polled?: readonly DescService[] | undefined;
  /**
   * The age (±10 %) at which a connection gets GOAWAY; its calls may finish, including streams, however long they take. 0 for
   * no limit.
   */
  maxConnectionAgeMs?: number;
  /** The limits of what one caller can hold; those of the shop's own processes where absent. */
  connectionLimits?: ConnectionLimits;
  /** Authenticates callers. Without it, all calls are allowed: for tests inside one process. */
  verifier?: Verifier | undefined;
  /** Records refused callers, and calls that the contract marks as security events. */
  security?: SecurityLog | undefined;
  /** Tells it that it will be drained, so that it asks its callers to connect elsewhere. Absent: they learn it from the drain. */
  shutdown?: Shutdown | undefined;
  /** Serve unary gRPC calls by Connect's adapter too, for comparison. */
  withoutFastPath?: boolean;
};

export type Server = AsyncDisposable & {
  readonly port: number;
  readonly adminPort: number;
  /**
   * Takes no more connections; after the shutdown's grace no more calls, either; and lets those in progress finish, all for at
   * most `timeoutMs`. Then ends streams with UNAVAILABLE, and closes the remaining connections. Resolves when the port is free.
   */
  drain(timeoutMs: number): Promise<void>;
};

/** Serves the routes, health and reflection. Rejects if a port is in use. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const inFlight = createInFlight(options.domain);
  const limits = options.connectionLimits ?? serviceConnections;
  const onRefused = recordConnections(options.security);
  const { http2, sockets } = createHttp2(options, limits, onRefused);
  http2.on("stream", streamHandler(options, inFlight));
  http2.on("session", (session) => session.setLocalWindowSize(4 * 1024 * 1024));
  const sessions = trackSessions(http2, { maxAgeMs: options.maxConnectionAgeMs ?? 0, limits, onRefused });
  tellHostileFrames(http2, onRefused);
  http2.on("sessionError", (error) => options.log.debug({ error }, "connection error"));
  const admin = createHttp1Server(adminHandler(options), {
    limits,
    tls: options.adminTls === true ? options.tls : undefined,
    security: options.security,
  });
  const adminConnections = trackAllHttp1(admin);
  options.shutdown?.announced.addEventListener("abort", () => {
    sessions.announceEnd();
    adminConnections.announceEnd();
  });
  try {
    await listen(http2, options.host, options.port);
    await listen(admin, options.host, options.adminPort);
  } catch (error) {
    http2.close();
    throw error;
  }

  async function drain(timeoutMs: number): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    const closed = stopListening(http2);
    await atMost(Math.min(options.shutdown?.graceLeftMs() ?? 0, timeoutMs), closed);
    sessions.close();
    const goodbyeMs = Math.min(500, timeoutMs / 5);
    await atMost(Math.max(0, untilMs - performance.now() - goodbyeMs), inFlight.unaryEnded());
    inFlight.endStreams();
    await atMost(goodbyeMs, closed);
    sessions.destroy();
    for (const socket of sockets) {
      socket.destroy();
    }
    await closed;
    await adminConnections.end({ graceMs: 0, limitMs: goodbyeMs });
  }

  return {
    port: portOf(http2),
    adminPort: portOf(admin),
    drain,
    [Symbol.asyncDispose]: () => drain(0),
  };
}

function http2Options({ sessionMemoryMb, streamResets, streamsPerConnection }: ConnectionLimits) {
  return {
    maxSessionMemory: sessionMemoryMb,
    streamResetBurst: streamResets.burst,
    streamResetRate: streamResets.perSecond,
    // A message of half a megabyte in one go, instead of eight with waits between.
    settings: { initialWindowSize: 1024 * 1024, maxConcurrentStreams: streamsPerConnection },
    // Detects a vanished caller within 20 s; an idle stream of its would stay open for ever.
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
  };
}

/** Tracks sockets as well as sessions: one that does not finish its TLS handshake would keep the server from closing. */
function createHttp2(
  { tls, log, metrics, security }: ServerOptions,
  limits: ConnectionLimits,
  tell: OnRefused,
): { http2: Http2Server; sockets: Set<Socket> } {
  const sockets = new Set<Socket>();
  const refused = new Counter({
    name: "rpc_server_connections_refused_total",
    help: "Connections that were closed at once, since there were too many of their address or in all.",
    registers: [metrics],
  });
  const onRefused: OnRefused = (reason, address) => {
    refused.inc();
    tell(reason, address);
  };
  if (tls?.current.own === undefined) {
    const http2 = createHttp2Server(http2Options(limits));
    limitConnections(http2, limits, onRefused);
    return { http2, sockets };
  }
  const http2: Http2SecureServer = createSecureServer({
    ...http2Options(limits),
    ...peerServerOptions(tls),
    handshakeTimeout: firstBytesTimeoutMs(limits),
  });
  keepRenewed(http2, tls);
  http2.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  http2.on("tlsClientError", (error, socket) => {
    log.debug({ error, remoteAddress: socket.remoteAddress }, "TLS handshake failed");
    recordHandshake(security, error, socket);
  });
  limitConnections(http2, limits, onRefused);
  return { http2, sockets };
}

const messageLimits = { readMaxBytes: 2 * 1024 * 1024, writeMaxBytes: 4 * 1024 * 1024 };

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
    ...messageLimits,
  });
  return (stream, headers, _flags, rawHeaders) => {
    if (!grpcUnary(stream, headers)) {
      // The arguments of a listener for "request". With both listeners, node would answer a call twice.
      adapter(new Http2ServerRequest(stream, headers, {}, rawHeaders), new Http2ServerResponse(stream));
    }
  };
}

function adapterHandler(options: ServerOptions, inFlight: InFlight, methods: UnaryMethods) {
  return createConnectHandler({
    log: options.log,
    domain: options.domain,
    routes(plain) {
      const router = recordUnary(plain, methods);
      options.routes(router);
      options.security?.expect(router.handlers.map(({ method }) => method));
      if (options.verifier !== undefined) {
        requireAccessRules(router.handlers.map(({ service }) => service));
      }
      options.health.serve(router, [...new Set(router.handlers.map(({ service }) => service.typeName))]);
      serveReflection(router, [...new Set(router.handlers.map(({ service }) => service))]);
    },
    interceptors: [inFlight.interceptor, ...serverInterceptors(options)],
    shutdownSignal: inFlight.signal,
    ...messageLimits,
    // Compressed requests are accepted. Responses are never compressed: inside a cluster it costs more than it saves.
    acceptCompression: [compressionGzip],
    compressMinBytes: messageLimits.writeMaxBytes,
  });
}

function adminHandler({ metrics, health, log }: ServerOptions): RequestListener {
  return (request, response) => {
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { "content-type": type }).end(body);
    switch (request.url?.split("?", 1)[0]) {
      case "/metrics":
        metrics.metrics().then(
          (text) => answer(200, metrics.contentType, text),
          (error) => {
            log.error({ error }, "the metrics cannot be collected");
            answer(500, "text/plain", "the metrics cannot be collected\n");
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
