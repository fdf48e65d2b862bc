import { cors as connectCors } from "@connectrpc/connect";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { requestIdOr } from "@sagacart/chassis/rpc/interceptors/context";
import type { Tls } from "@sagacart/chassis/tls/files";
import { uuidv7 } from "@sagacart/chassis/uuid";
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import { answerProblem, notFound } from "./answer-problem.ts";
import { answerClientError } from "./client-error.ts";
import { connect } from "./connect.ts";
import { createBothServer } from "./http-server.ts";
import { type Limits, limitCallers, unlimited } from "./limits.ts";
import { refuseOtherMethods } from "./methods.ts";
import { observe, surface } from "./observe.ts";
import { oidc } from "./oidc.ts";
import { docs } from "./openapi/docs.ts";
import { openApiDocument } from "./openapi/document.ts";
import { probes } from "./probes.ts";
import type { Readiness } from "./ready.ts";
import { securityHeaders } from "./security-headers.ts";
import type { Services } from "./services.ts";
import { dapr } from "./surfaces/dapr/dapr.ts";
import { shop } from "./surfaces/shop/shop.ts";
import { wdm } from "./surfaces/wdm/wdm.ts";
import { wippy } from "./surfaces/wippy/wippy.ts";
import { feeds } from "./transcode/feeds.ts";
import { unsubscribe } from "./unsubscribe.ts";
import { v1, v1Bindings } from "./v1.ts";
import { webhooks } from "./webhooks.ts";

export type GatewayOptions = {
  readonly services: Services;
  readonly readiness: Readiness;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Looks at tokens; none where they are not looked at, here nor in the services. */
  readonly verifier?: Verifier | undefined;
  readonly openSurfaces: boolean;
  readonly corsOrigins: readonly string[];
  readonly currency: string;
  /** Of the surfaces whose users have no money. */
  readonly paymentMethod: string;
  /** Of what one caller sends; none where absent. */
  readonly limits?: Limits;
  /** Whose word on a caller's address is taken. */
  readonly trustedProxies?: readonly string[];
  readonly bodyLimitBytes: number;
  /** Where identity serves OpenID Connect. */
  readonly identityUrl: string;
  /** Of HTTP/2 connections; any where absent. */
  readonly maxConnectionAgeMs?: number;
  /** What it serves with; plain where absent. */
  readonly tls?: Tls | undefined;
  /** How long the shop's API waits for an order to be decided; 20 s. */
  readonly orderWaitMs?: number;
  /** Comments in idle event streams, so that what stands between keeps them open. */
  readonly heartbeatMs?: number;
};

const shopDocument = { name: "Shop", url: "/openapi/shop.json" };
const openSurfaceDocuments = [
  { name: "WDM", url: "/openapi/wdm.json" },
  { name: "Wippy", url: "/openapi/wippy.json" },
  { name: "Dapr", url: "/openapi/dapr.json" },
];

/**
 * The gateway, ready to listen. Closing it takes no more requests, ends event streams, and waits for the requests
 * that are under way.
 */
export async function createGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const { services, readiness, log, metrics, verifier } = options;
  const stopping = new AbortController();
  let closeIdle: () => void = () => {};
  const logger: FastifyBaseLogger = log;
  const answer = answerProblem(log);
  const app = fastify({
    serverFactory(handler) {
      const both = createBothServer(handler, options);
      closeIdle = both.closeIdle;
      return both.server;
    },
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // One log for all: a child for each request costs more than it says, and the call's context has the request id.
    childLoggerFactory: () => logger,
    genReqId: ({ headers }) =>
      requestIdOr(typeof headers["x-request-id"] === "string" ? headers["x-request-id"] : null, uuidv7),
    bodyLimit: options.bodyLimitBytes,
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    routerOptions: { maxParamLength: 1_000 },
    // What comes on a connection that is kept is served to the end; see below.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => answer(error, request, reply),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
  });
  app.addHook("preClose", async () => {
    stopping.abort();
    closeIdle();
  });
  app.addHook("onSend", (request, reply, payload, done) => {
    if (stopping.signal.aborted && request.raw.httpVersionMajor === 1) {
      reply.header("connection", "close");
    }
    done(null, payload);
  });
  app.addHook("onResponse", (request, _reply, done) => {
    // What of the body nobody wanted is read and thrown away: over HTTP/2, the stream would never end otherwise.
    request.raw.resume();
    if (stopping.signal.aborted) {
      // The connection of a stream that ended is kept for requests that will not come.
      setImmediate(() => app.server.closeIdleConnections());
    }
    done();
  });

  app.setErrorHandler(answer);
  app.setNotFoundHandler(notFound);
  observe(app, { log, metrics });
  await app.register(helmet, securityHeaders);
  const refuseTheOtherMethods = refuseOtherMethods(app);
  if (options.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: options.corsOrigins.includes("*") ? "*" : [...options.corsOrigins],
      methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      allowedHeaders: [
        ...connectCors.allowedHeaders,
        "Idempotency-Key",
        "Guest-Token",
        "Last-Event-ID",
        "X-Request-Id",
        "Authorization",
        "Traceparent",
        "Tracestate",
      ],
      exposedHeaders: [
        ...connectCors.exposedHeaders,
        "X-Request-Id",
        "Location",
        "Link",
        "Sagacart-Next-Position",
        "Sagacart-Generation",
        "Retry-After",
        "Idempotency-Replayed",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
      ],
      maxAge: 7_200,
    });
  }
  await app.register(surface("probes", probes), { readiness, metrics });
  await app.register(async (limited) => {
    await limitCallers(limited, { limits: options.limits ?? unlimited, verifier, metrics });
    await limited.register(surface("v1", v1), {
      services,
      verifier,
      heartbeatMs: options.heartbeatMs ?? 15_000,
      stopping: stopping.signal,
    });
    await limited.register(surface("unsubscribe", unsubscribe), { services });
    await limited.register(surface("oidc", oidc), { identityUrl: options.identityUrl });
    await limited.register(surface("connect", connect), {
      services,
      verifier,
      readMaxBytes: options.bodyLimitBytes,
      stopping: stopping.signal,
    });
    await limited.register(surface("shop", shop), {
      services: services.asCaller,
      verifier,
      currency: options.currency,
      paymentMethod: options.paymentMethod,
      waitMs: options.orderWaitMs ?? 20_000,
    });
  });
  // A card provider sends as much as it has to.
  await app.register(surface("webhooks", webhooks), { services });
  await app.register(surface("docs", docs), {
    document: openApiDocument(v1Bindings, feeds),
    surfaces: options.openSurfaces ? [...openSurfaceDocuments, shopDocument] : [shopDocument],
  });
  if (options.openSurfaces) {
    await app.register(surface("wdm", wdm), { services, currency: options.currency });
    await app.register(surface("wippy", wippy), {
      services,
      currency: options.currency,
      paymentMethod: options.paymentMethod,
    });
    await app.register(surface("dapr", dapr), { services, currency: options.currency });
  }
  refuseTheOtherMethods();
  return app;
}
