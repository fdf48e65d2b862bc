import { openSecurityLog } from "@sagacart/chassis/auth/security-file";
import { createSecurityLog, type SecurityLog } from "@sagacart/chassis/auth/security-log";
import { trackAllHttp1 } from "@sagacart/chassis/connections/http1-connections";
import { createHttp1Server } from "@sagacart/chassis/connections/http1-server";
import type { Env } from "@sagacart/chassis/process/config";
import { createLog, type Log } from "@sagacart/chassis/process/log";
import { createMetrics, gauge, type Metrics } from "@sagacart/chassis/process/metrics";
import {
  type AnnouncedShutdown,
  createShutdown,
  type Shutdown,
  shutdownGraceMs,
} from "@sagacart/chassis/process/shutdown";
import { firstSignal } from "@sagacart/chassis/process/signals";
import { explainStartFailure } from "@sagacart/chassis/process/start-failure";
import { openTls, type Tls } from "@sagacart/chassis/tls/files";
import { startTracing, type Tracing } from "@sagacart/chassis/trace/start";
import fastify, { type FastifyInstance } from "fastify";
import type { RestConfig } from "./config.ts";
import { probes } from "./probes.ts";
import type { Readiness } from "./ready.ts";

/** The process-wide dependencies that a process is composed with. */
export type ProcessContext = {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly security: SecurityLog;
  readonly tls: Tls | undefined;
  readonly shutdown: Shutdown;
};

/** A process that is wired, and not listening yet. */
export type Composed = {
  readonly app: FastifyInstance;
  readonly readiness: Readiness;
  /** Closes the channels to the services, after the last request has been answered. */
  close(): void;
};

export type RestProcess<Config extends RestConfig> = {
  /** Its name in logs, metrics and traces. */
  readonly name: string;
  readConfig(env: Env): Config;
  compose(config: Config, context: ProcessContext): Promise<Composed>;
};

/**
 * Runs a process with REST until SIGTERM or SIGINT, as the chassis' runService does for RPC: first it is not ready, and asks
 * its callers to connect elsewhere; after SHUTDOWN_DELAY_MS it takes no more requests, and those under way end, within
 * DRAIN_TIMEOUT_MS (else it exits with 1). A second signal ends it at once. Wrong variables are named on stderr, one line each, and a port in use in one line; both exit with 1.
 */
export async function runRest<Config extends RestConfig>(rest: RestProcess<Config>): Promise<void> {
  try {
    const running = await start(rest);
    await firstSignal();
    await stop(running);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${explainStartFailure(error)}\n`);
    process.exit(1);
  }
}

type Running = Composed & {
  readonly config: RestConfig;
  readonly log: Log;
  readonly shutdown: AnnouncedShutdown;
  readonly admin: FastifyInstance;
  readonly tracing: Tracing | undefined;
};

async function start<Config extends RestConfig>({ name, readConfig, compose }: RestProcess<Config>): Promise<Running> {
  const config = readConfig(process.env);
  const log = createLog({ service: name, level: config.LOG_LEVEL });
  const metrics = createMetrics(name);
  process.on("uncaughtException", (error) => {
    log.fatal({ error }, "a bug: an error that nobody caught");
    process.exit(1);
  });
  const destination = openSecurityLog(config.SECURITY_LOG, log);
  const security = createSecurityLog({ service: name, metrics, destination });
  process.once("exit", () => security.flush());
  const tls = openTls({ config, log, metrics, security });
  // Before the app is made: it asks for the tracer.
  const tracing = await startTracing({ service: name, log });
  const shutdown = createShutdown(shutdownGraceMs(config));
  const composed = await compose(config, { log, metrics, security, tls, shutdown });
  const { app, readiness } = composed;
  gauge(metrics, "sagacart_ready", "Whether it takes requests, as /ready says.", () =>
    readiness.health.isServing() ? 1 : 0,
  );
  const adminTls = config.ADMIN_TLS ? tls : undefined;
  const admin = fastify({ serverFactory: (handler) => createHttp1Server(handler, { tls: adminTls, security }) });
  const adminConnections = trackAllHttp1(admin.server);
  admin.addHook("preClose", () => adminConnections.end({ graceMs: 0, limitMs: 500 }));
  shutdown.announced.addEventListener("abort", adminConnections.announceEnd);
  await admin.register(probes, { readiness, metrics });
  await admin.listen({ host: config.HOST, port: config.ADMIN_PORT });
  // A thousand callers may connect in one moment.
  await app.listen({ host: config.HOST, port: config.PORT, backlog: 4_096 });
  log.info({ host: config.HOST, port: portOf(app), adminPort: portOf(admin) }, "ready");
  return { ...composed, config, log, shutdown, admin, tracing };
}

async function stop({ config, log, shutdown, readiness, app, admin, tracing, close }: Running): Promise<void> {
  log.info("draining");
  const timeoutMs = config.SHUTDOWN_DELAY_MS + config.DRAIN_TIMEOUT_MS;
  const late = setTimeout(() => {
    log.error({ timeoutMs }, "the drain took too long");
    process.exit(1);
  }, timeoutMs);
  readiness.health.setDraining();
  shutdown.announce();
  await new Promise((resolve) => setTimeout(resolve, config.SHUTDOWN_DELAY_MS));
  // Connections that do not end by themselves are cut off, with time left for the rest.
  const cut = setTimeout(() => app.server.closeAllConnections(), config.DRAIN_TIMEOUT_MS * 0.8);
  await app.close();
  clearTimeout(cut);
  await readiness[Symbol.asyncDispose]();
  close();
  await admin.close();
  await tracing?.[Symbol.asyncDispose]();
  clearTimeout(late);
  log.info("stopped");
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}
