import type { ConnectionLimits } from "@sagacart/chassis/connections/limits";
import { recordConnections } from "@sagacart/chassis/connections/refused";
import type { Log } from "@sagacart/chassis/process/log";
import { gauge, type Metrics } from "@sagacart/chassis/process/metrics";
import type { Shutdown } from "@sagacart/chassis/process/shutdown";
import { requestIdOr } from "@sagacart/chassis/rpc/interceptors/context";
import type { Tls } from "@sagacart/chassis/tls/files";
import { recordHandshake } from "@sagacart/chassis/tls/refused-handshake";
import { uuidv7 } from "@sagacart/chassis/uuid";
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import { Counter } from "prom-client";
import { answerProblem, notFound } from "./answer-problem.ts";
import { answerClientError } from "./client-error.ts";
import { withoutPorts } from "./forwarded-for.ts";
import { type BothServer, createBothServer } from "./http-server.ts";
import { refuseOtherMethods } from "./methods.ts";
import { observe } from "./observe.ts";
import { type RefusalsOptions, recordRefusals } from "./refusals.ts";

export type RestServerOptions = RefusalsOptions & {
  readonly log: Log;
  readonly metrics: Metrics;
  /** The largest body of a caller whose token is checked before the body is read. */
  readonly bodyLimitBytes: number;
  /** The largest body on all other routes; 64 KiB where absent. */
  readonly anonymousBodyLimitBytes?: number;
  /** The addresses and networks whose X-Forwarded-For is trusted; "all" trusts every caller's. None by default. */
  readonly trustedProxies?: readonly string[] | "all";
  /** The maximum age of HTTP/2 connections; unlimited where absent. */
  readonly maxConnectionAgeMs?: number;
  /** Limits of the connections; those of a public port where absent. */
  readonly connectionLimits?: ConnectionLimits;
  /** The certificate to serve with; plain text where absent. */
  readonly tls?: Tls | undefined;
  /** Tells it that it will be closed, so that it asks its callers to connect elsewhere. Absent: they learn it when it closes. */
  readonly shutdown?: Shutdown | undefined;
};

/**
 * Makes an HTTP server of the routes that `addRoutes` adds, ready to listen: HTTP/1.1 and HTTP/2 on one port, errors as
 * problems, one log line and one span for each request, and security headers. Closing it aborts `stopping`, takes no more
 * connections, keeps idle ones for the shutdown's grace, and waits for the requests that are under way.
 */
export async function createRestServer(
  options: RestServerOptions,
  addRoutes: (app: FastifyInstance, stopping: AbortSignal) => Promise<void>,
): Promise<FastifyInstance> {
  const { log, metrics } = options;
  const stopping = new AbortController();
  let both: BothServer | undefined;
  const refused = new Counter({
    name: "http_server_connections_refused_total",
    help: "Connections that were closed at once, since there were too many of their address or in all.",
    registers: [metrics],
  });
  const logger: FastifyBaseLogger = log;
  const answer = answerProblem(log, recordRefusals(options));
  const tellRefused = recordConnections(options.security);
  const app = fastify({
    serverFactory(handler) {
      both = createBothServer(
        (request, response) => {
          withoutPorts(request.headers);
          handler(request, response);
        },
        {
          ...options,
          onRefused(reason, address) {
            if (reason === "TOO_MANY_CONNECTIONS") {
              refused.inc();
            }
            tellRefused(reason, address);
          },
          onHandshakeFailed: (error, socket) => recordHandshake(options.security, error, socket),
        },
      );
      gauge(metrics, "http_server_connections", "Open connections.", both.connections);
      options.shutdown?.announced.addEventListener("abort", both.announceEnd);
      return both.server;
    },
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all requests: a child for each costs more than it tells, and the call's context has the request id.
    childLoggerFactory: () => logger,
    genReqId: ({ headers }) =>
      requestIdOr(typeof headers["x-request-id"] === "string" ? headers["x-request-id"] : null, uuidv7),
    // Of routes that say nothing else; refuseBadTokens raises it where callers have shown a token.
    bodyLimit: anonymousBodyLimitOf(options),
    trustProxy: trustProxy(options.trustedProxies),
    routerOptions: { maxParamLength: 1_000 },
    // A machine that is busy with starting a whole shop takes longer than the default of 10 s.
    pluginTimeout: 180_000,
    // Requests on a connection that is kept are served to the end; see below.
    return503OnClosing: false,
    forceCloseConnections: false,
    clientErrorHandler: (error, socket) => answerClientError(error, socket, tellRefused),
    frameworkErrors: (error, request, reply) => answer(error, request, reply),
    // Not all errors: half a million wrong items would take seconds to list.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
  });
  // Before fastify closes the server, which would close idle connections at once.
  app.addHook("preClose", async () => {
    stopping.abort();
    await both?.end(options.shutdown?.graceLeftMs() ?? 0);
  });
  app.addHook("onResponse", (request, _reply, done) => {
    // Read what is left of the body and drop it: over HTTP/2, the stream would never end otherwise.
    request.raw.resume();
    done();
  });

  app.setErrorHandler(answer);
  app.setNotFoundHandler(notFound);
  observe(app, { log, metrics });
  const refuseTheOtherMethods = refuseOtherMethods(app);
  await addRoutes(app, stopping.signal);
  refuseTheOtherMethods();
  return app;
}

/** Returns the largest body where nobody is signed in. */
export function anonymousBodyLimitOf({
  anonymousBodyLimitBytes = 64 * 1024,
  bodyLimitBytes,
}: Pick<RestServerOptions, "anonymousBodyLimitBytes" | "bodyLimitBytes">): number {
  return Math.min(anonymousBodyLimitBytes, bodyLimitBytes);
}

function trustProxy(trusted: RestServerOptions["trustedProxies"] = []): string[] | boolean {
  if (trusted === "all") {
    return true;
  }
  return trusted.length > 0 ? [...trusted] : false;
}
