import { resolve } from "node:path";
import { revocationsOf, serviceTokensOf, verifierOf } from "@sagacart/chassis/auth/env";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { connectionLimitsOf } from "@sagacart/chassis/process/config";
import { tracer } from "@sagacart/chassis/trace/trace";
import { watchReadiness } from "@sagacart/rest/ready";
import type { Composed, ProcessContext } from "@sagacart/rest/run";
import type { Config } from "./config.ts";
import { createGateway } from "./gateway.ts";
import { openServices } from "./services.ts";
import type { WebOptions } from "./web/web.ts";

/** Wires the gateway: the services behind it, and what it serves. */
export async function compose(
  config: Config,
  { log, metrics, security, tls, shutdown }: ProcessContext,
): Promise<Composed> {
  const services = openServices(
    {
      order: config.ORDER_ADDRESS,
      stock: config.STOCK_ADDRESS,
      payment: config.PAYMENT_ADDRESS,
      shipping: config.SHIPPING_ADDRESS,
      notifier: config.NOTIFIER_ADDRESS,
      identity: config.IDENTITY_ADDRESS,
      launcher: config.LAUNCHER_ADDRESS,
    },
    { metrics, tokens: serviceTokensOf(config, log), tls },
  );
  const revocations = revocationsOf(config, log, metrics, security);
  const readiness = watchReadiness(services.channels, { log, revocations });
  const app = await createGateway({
    services,
    readiness,
    log,
    metrics,
    security,
    verifier: verifierOf(config, log, revocations),
    httpsOnly: config.HTTPS_ONLY,
    ownUrls: ownUrlsOf(config),
    web: webOf(config),
    showMetrics: config.SHOW_METRICS,
    showDocs: config.SHOW_DOCS,
    corsOrigins: config.CORS_ORIGINS,
    limits: { writesPerMinute: config.WRITES_PER_MINUTE, signInsPerMinute: config.SIGN_INS_PER_MINUTE },
    concurrency: {
      requestsPerCaller: config.REQUESTS_PER_CALLER,
      requests: config.REQUESTS_AT_A_TIME,
      streamsPerCaller: config.STREAMS_PER_CALLER,
      streams: config.STREAMS_AT_A_TIME,
      bodyBytesPerCaller: config.BODY_BYTES_PER_CALLER,
      bodyBytes: config.BODY_BYTES_AT_A_TIME,
    },
    trustedProxies: config.TRUSTED_PROXIES,
    bodyLimitBytes: config.BODY_LIMIT_BYTES,
    anonymousBodyLimitBytes: config.ANONYMOUS_BODY_LIMIT_BYTES,
    identityUrl: config.IDENTITY_HTTP_URL,
    surfacesUrl: config.SURFACES_URL,
    tracesUrl: config.TRACES_URL,
    maxConnectionAgeMs: config.MAX_CONNECTION_AGE_MS,
    connectionLimits: connectionLimitsOf(config, publicConnections),
    tls: config.SERVE_TLS ? tls : undefined,
    shutdown,
  });
  return { app, readiness, close: () => services[Symbol.dispose]() };
}

/** Where there is a launcher, its operator's password is published: pages of other sites must not reach it. */
function ownUrlsOf({ LAUNCHER_ADDRESS, AUTH_ISSUER, PUBLIC_URL }: Config): readonly string[] | undefined {
  return LAUNCHER_ADDRESS === undefined ? undefined : [AUTH_ISSUER, PUBLIC_URL].filter((url) => url !== undefined);
}

function webOf(config: Config): WebOptions | undefined {
  const { WEB_DIRECTORY: directory } = config;
  if (directory === undefined) {
    return undefined;
  }
  return {
    directory: resolve(directory),
    settings: {
      issuer: config.AUTH_ISSUER,
      clientId: config.WEB_CLIENT_ID,
      simulatedProviders: config.SIMULATED_PROVIDERS,
      pictureOrigins: config.PICTURE_ORIGINS,
      temporalUrl: config.TEMPORAL_UI_URL,
      launcher: config.LAUNCHER_ADDRESS !== undefined,
      securityLogUrl: config.SECURITY_LOG_URL,
      auditCronJob: config.AUDIT_CRON_JOB,
      traceUrl: config.TRACE_UI_URL,
      keepsTraces: config.TRACES_URL === undefined ? undefined : true,
      traceRatio: tracer()?.ratio,
    },
  };
}
