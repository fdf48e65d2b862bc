import { serviceTokensOf, verifierOf } from "@sagacart/chassis/auth/env";
import { ConfigError } from "@sagacart/chassis/process/config";
import { createLog, type Log } from "@sagacart/chassis/process/log";
import { createMetrics, gauge } from "@sagacart/chassis/process/metrics";
import { openTls } from "@sagacart/chassis/tls/files";
import { startTracing, type Tracing } from "@sagacart/chassis/trace/start";
import fastify, { type FastifyInstance } from "fastify";
import { type Config, readConfig } from "./config.ts";
import { probes } from "./probes.ts";
import { type Readiness, watchReadiness } from "./ready.ts";
import { createGateway } from "./server.ts";
import { openServices, type Services } from "./services.ts";

/**
 * Runs the gateway until SIGTERM or SIGINT, in the way of the chassis' runService: not ready first, then no more
 * requests, those under way end, all within DRAIN_TIMEOUT_MS (else it exits with 1). A second signal ends it at once.
 * Wrong variables are named on stderr, one line each, and a port that is taken in one line; both exit with 1.
 */
export async function runGateway(): Promise<void> {
  try {
    const running = await start(readConfig(process.env));
    await firstSignal();
    await stop(running);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  }
}

type Running = {
  config: Config;
  log: Log;
  services: Services;
  readiness: Readiness;
  gateway: FastifyInstance;
  admin: FastifyInstance;
  tracing: Tracing | undefined;
};

async function start(config: Config): Promise<Running> {
  const log = createLog({ service: "gateway", level: config.LOG_LEVEL });
  const metrics = createMetrics("gateway");
  process.on("uncaughtException", (error) => {
    log.fatal({ error }, "a bug: an error that nobody caught");
    process.exit(1);
  });
  const tls = openTls({ config, log, metrics });
  const tracing = await startTracing({ service: "gateway", log });
  const services = openServices(
    {
      order: config.ORDER_ADDRESS,
      stock: config.STOCK_ADDRESS,
      payment: config.PAYMENT_ADDRESS,
      shipping: config.SHIPPING_ADDRESS,
      notifier: config.NOTIFIER_ADDRESS,
      identity: config.IDENTITY_ADDRESS,
    },
    metrics,
    serviceTokensOf(config, log),
    { tls },
  );
  const readiness = watchReadiness(services, log);
  gauge(metrics, "sagacart_ready", "Whether it takes requests, as /ready says.", () =>
    readiness.health.isServing() ? 1 : 0,
  );
  const gateway = await createGateway({
    services,
    readiness,
    log,
    metrics,
    verifier: verifierOf(config, log),
    openSurfaces: config.OPEN_SURFACES,
    corsOrigins: config.CORS_ORIGINS,
    currency: config.SHOP_CURRENCY,
    paymentMethod: config.SHOP_PAYMENT_METHOD === "balance" ? "" : config.SHOP_PAYMENT_METHOD,
    limits: { writesPerMinute: config.WRITES_PER_MINUTE, signInsPerMinute: config.SIGN_INS_PER_MINUTE },
    trustedProxies: config.TRUSTED_PROXIES,
    bodyLimitBytes: config.BODY_LIMIT_BYTES,
    identityUrl: config.IDENTITY_HTTP_URL,
    maxConnectionAgeMs: config.MAX_CONNECTION_AGE_MS,
    tls: config.SERVE_TLS ? tls : undefined,
  });
  const admin = fastify({ forceCloseConnections: true });
  await admin.register(probes, { readiness, metrics });
  await admin.listen({ host: config.HOST, port: config.ADMIN_PORT });
  // A thousand callers may connect in one moment.
  await gateway.listen({ host: config.HOST, port: config.PORT, backlog: 4_096 });
  log.info({ host: config.HOST, port: portOf(gateway), adminPort: portOf(admin) }, "ready");
  return { config, log, services, readiness, gateway, admin, tracing };
}

async function stop({ config, log, services, readiness, gateway, admin, tracing }: Running): Promise<void> {
  log.info("draining");
  const timeoutMs = config.SHUTDOWN_DELAY_MS + config.DRAIN_TIMEOUT_MS;
  const late = setTimeout(() => {
    log.error({ timeoutMs }, "the drain took too long");
    process.exit(1);
  }, timeoutMs);
  readiness.health.setDraining();
  await new Promise((resolve) => setTimeout(resolve, config.SHUTDOWN_DELAY_MS));
  // What does not end by itself is cut off, with time left for the rest.
  const cut = setTimeout(() => gateway.server.closeAllConnections(), config.DRAIN_TIMEOUT_MS * 0.8);
  await gateway.close();
  clearTimeout(cut);
  await readiness[Symbol.asyncDispose]();
  services[Symbol.dispose]();
  await admin.close();
  await tracing?.[Symbol.asyncDispose]();
  clearTimeout(late);
  log.info("stopped");
}

function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      signals++;
      if (signals > 1) {
        process.exit(1);
      }
      resolve();
    });
  }
  return promise;
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) {
    return error.message;
  }
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE" && "port" in error) {
    const where = "address" in error ? `${error.address}:${error.port}` : `port ${error.port}`;
    return `${where} is taken by another process; stop that, or set PORT or ADMIN_PORT to a free one`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
