import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import {
  revocationsOf,
  serviceTokenEnv,
  serviceTokensOf,
  type TokenConfig,
  tokenEnv,
  verifierOf,
} from "../auth/env.ts";
import type { FollowedRevocations } from "../auth/revocations.ts";
import { openSecurityLog } from "../auth/security-file.ts";
import { createSecurityLog, type SecurityLog } from "../auth/security-log.ts";
import type { ServiceTokens } from "../auth/service-tokens.ts";
import { serviceConnections } from "../connections/limits.ts";
import { databaseFailure } from "../postgres/failure.ts";
import { createPool, type Pool } from "../postgres/pool.ts";
import { SchemaError } from "../postgres/schema-error.ts";
import { schemaCheck } from "../postgres/schema-version.ts";
import { type Question, startSurvey } from "../postgres/survey.ts";
import { type Health, health } from "../rpc/health.ts";
import { type Server, startServer } from "../rpc/server.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { tlsEnv } from "../tls/env.ts";
import { openTls, type Tls } from "../tls/files.ts";
import { startTracing } from "../trace/start.ts";
import { connectionLimitsOf, type Env, readBoth, readEnv, type serverEnv, type serviceEnv } from "./config.ts";
import { createLog, type Log } from "./log.ts";
import { createMetrics, gauge, type Metrics } from "./metrics.ts";
import { type AnnouncedShutdown, createShutdown, type Shutdown, shutdownGraceMs } from "./shutdown.ts";
import { firstSignal } from "./signals.ts";
import { explainStartFailure } from "./start-failure.ts";

type Read<S extends Record<string, (...args: never[]) => unknown>> = { readonly [K in keyof S]: ReturnType<S[K]> };

/** The variables of a server without a database. */
export type ServerConfig = Read<ReturnType<typeof serverEnv>>;
/** The variables of a service, as serviceEnv() reads them. */
export type ServiceConfig = Read<ReturnType<typeof serviceEnv>>;

export type ServiceContext<Config> = {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The security log, for events that are no calls. */
  readonly security: SecurityLog;
  /** This service's own tokens, for the channels it opens. Undefined with AUTH=off, or without `callsServices`. */
  readonly tokens: ServiceTokens | undefined;
  /** The certificates for its server and for the channels it opens. Undefined without TLS. */
  readonly tls: Tls | undefined;
  /** For servers that it starts itself, beside that of its routes. */
  readonly shutdown: Shutdown;
};

export type Running = {
  routes(router: ConnectRouter): void;
  /** Disposed of in reverse order, after the calls have ended. */
  readonly background?: readonly AsyncDisposable[];
  /** The revoked tokens, of the service that knows them itself. Absent: they are read from AUTH_REVOCATIONS_URL. */
  readonly revocations?: FollowedRevocations;
  /** Queries on its database for gauges. One of its processes runs them. */
  readonly survey?: readonly Question[];
};

type Common<Config> = {
  name: string;
  readConfig: (env: Env) => Config;
  /** The domain of its errors' reasons; by default `<name>.sagacart`. */
  domain?: string;
  /** The kind of resource that most calls are about, for example `order`: spans and log lines carry its id. */
  subject?: string;
  /** Services that other processes poll: their calls begin no trace. */
  polled?: readonly DescService[];
  /** True if it calls other services, and so needs tokens of its own. */
  callsServices?: boolean;
};
type WithDatabase<Config> = Common<Config> & {
  database?: true;
  /** The folder of its migrations: it does not start on a database that lacks one of them. Undefined in tests. */
  migrations: URL | undefined;
  start(context: ServiceContext<Config> & { readonly pool: Pool }): Promise<Running>;
};
type WithoutDatabase<Config> = Common<Config> & {
  database: false;
  start(context: ServiceContext<Config>): Promise<Running>;
};

/**
 * Runs a service until SIGTERM or SIGINT: reads its configuration, creates its pool, starts it, and serves. At the signal it
 * stops being ready, and asks its callers to connect elsewhere. After SHUTDOWN_DELAY_MS it takes no more calls, lets those in
 * progress finish, closes the background and the pool, and exits with 0, or with 1 if that takes longer than
 * DRAIN_TIMEOUT_MS. A second signal ends it at once.
 *
 * Callers need a token with a role that the method allows (auth/README.md), unless AUTH=off.
 *
 * Invalid variables are reported on stderr, one line each, and a port in use or a schema that lacks a migration in one line;
 * all exit with 1. A database that is away is waited for, not ready.
 */
export function runService<Config extends ServiceConfig>(service: WithDatabase<Config>): Promise<void>;
export function runService<Config extends ServerConfig>(service: WithoutDatabase<Config>): Promise<void>;
export async function runService(service: WithDatabase<ServiceConfig> | WithoutDatabase<ServerConfig>): Promise<void> {
  try {
    const signalled = firstSignal();
    const running = await Promise.race([start(service), signalled]);
    if (running !== undefined) {
      await signalled;
      await stop(running);
    }
    // A signal before it serves: there is nothing to drain.
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${explainStartFailure(error)}\n`);
    process.exit(1);
  }
}

type Started = {
  config: ServerConfig;
  log: Log;
  health: Health;
  shutdown: AnnouncedShutdown;
  server: Server;
  background: readonly AsyncDisposable[];
  pool: Pool | undefined;
};

async function start(service: WithDatabase<ServiceConfig> | WithoutDatabase<ServerConfig>): Promise<Started> {
  const { config, common, log, metrics, security, tokens, tls, shutdown, tracing, pool, checkSchema, running } =
    service.database === false ? await startPlain(service) : await startWithPool(service);
  const revocations = running.revocations ?? revocationsOf(common, log, metrics, security);
  const verifier = verifierOf(common, log, revocations);
  process.on("uncaughtException", (error) => {
    log.fatal({ error }, "uncaught error");
    process.exit(1);
  });
  // Not for ever: while identity is away, what needs no token is still served. Tokens are refused until it is known.
  await revocations?.known(revocationsWaitMs);
  const check = async () => {
    await pool?.query("select 1");
    await checkSchema?.().catch(endIfOld);
  };
  const serving = health({ check, intervalMs: 1_000, log });
  gauge(metrics, "sagacart_ready", "1 if it takes calls, as /ready reports; else 0.", () =>
    serving.isServing() ? 1 : 0,
  );
  const server = await startServer({
    host: config.HOST,
    port: config.PORT,
    adminPort: config.ADMIN_PORT,
    adminTls: config.ADMIN_TLS,
    routes: running.routes,
    health: serving,
    log,
    metrics,
    domain: service.domain ?? `${service.name}.sagacart`,
    subject: service.subject,
    polled: service.polled,
    maxConnectionAgeMs: config.MAX_CONNECTION_AGE_MS,
    connectionLimits: connectionLimitsOf(config, serviceConnections),
    verifier,
    security,
    tls,
    shutdown,
  });
  log.info({ host: config.HOST, port: server.port, adminPort: server.adminPort }, "ready");
  const background = [tracing, tokens, revocations, ...(running.background ?? [])].filter((part) => part !== undefined);
  return { config, log, health: serving, shutdown, server, background, pool };
}

async function startPlain(service: WithoutDatabase<ServerConfig>) {
  const base = prepare(service);
  const tracing = await startTracing({ service: service.name, log: base.log });
  return { ...base, tracing, pool: undefined, checkSchema: undefined, running: await service.start(base) };
}

async function startWithPool(service: WithDatabase<ServiceConfig>) {
  const base = prepare(service);
  const { config, log, metrics } = base;
  const tracing = await startTracing({ service: service.name, log });
  const { DATABASE_URL: url, DATABASE_POOL_SIZE: size } = config;
  const pool = createPool({ url, size, applicationName: service.name, log, metrics });
  const { migrations } = service;
  const checkSchema = migrations === undefined ? undefined : schemaCheck({ pool, migrations, log });
  // While the database is away, the service starts without: its health check asks later.
  await checkSchema?.().catch((error: unknown) => {
    if (databaseFailure(error) === undefined) {
      throw error;
    }
  });
  const running = await service.start({ ...base, pool });
  const { survey: questions = [], background = [] } = running;
  const survey =
    questions.length === 0 ? [] : [startSurvey({ url, applicationName: service.name, log, metrics, questions })];
  return { ...base, tracing, pool, checkSchema, running: { ...running, background: [...background, ...survey] } };
}

/** Ends the process if a database that was away at its start turns out to have an old schema. */
function endIfOld(error: unknown): never {
  if (error instanceof SchemaError) {
    process.stderr.write(`${explainStartFailure(error)}\n`);
    process.exit(1);
  }
  throw error;
}

/** How long a process that starts waits for the list of revoked tokens before it is ready without it. */
const revocationsWaitMs = 5_000;

type Base<Config> = ServiceContext<Config> & { readonly common: TokenConfig; readonly shutdown: AnnouncedShutdown };

/** Reads the configuration, and creates what each service needs. */
function prepare<Config extends ServerConfig>(service: Common<Config>): Base<Config> {
  const { env } = process;
  const [[config, common], serviceTokenConfig] = readBoth(
    () =>
      readBoth(
        () => service.readConfig(env),
        () => readEnv({ ...tokenEnv(), ...tlsEnv() }, env),
      ),
    () => (service.callsServices === true ? readEnv(serviceTokenEnv(), env) : undefined),
  );
  const log = createLog({ service: service.name, level: config.LOG_LEVEL });
  const metrics = createMetrics(service.name);
  const security = createSecurityLog({
    ...{ service: service.name, metrics },
    destination: openSecurityLog(config.SECURITY_LOG, log),
  });
  process.once("exit", () => security.flush());
  // Before the first fetch: the issuer may have a certificate of the same CA.
  const tls = openTls({ config: common, log, metrics, security });
  const tokens =
    serviceTokenConfig === undefined ? undefined : serviceTokensOf({ ...common, ...serviceTokenConfig }, log);
  const shutdown = createShutdown(shutdownGraceMs(config));
  return { config, common, log, metrics, security, clock: systemClock, tokens, tls, shutdown };
}

async function stop({ config, log, health, shutdown, server, background, pool }: Started): Promise<void> {
  const timeoutMs = config.SHUTDOWN_DELAY_MS + config.DRAIN_TIMEOUT_MS;
  const late = setTimeout(() => {
    log.error({ timeoutMs }, "the drain took too long");
    process.exit(1);
  }, timeoutMs);
  health.setDraining();
  shutdown.announce();
  log.info("not ready");
  await new Promise((resolve) => setTimeout(resolve, config.SHUTDOWN_DELAY_MS));
  // The rest of the time is for the background and the pool.
  const drained = server.drain(config.DRAIN_TIMEOUT_MS * 0.8);
  log.info("draining");
  await drained;
  await health[Symbol.asyncDispose]();
  for (const part of background.toReversed()) {
    await part[Symbol.asyncDispose]();
  }
  await pool?.end();
  clearTimeout(late);
  log.info("stopped");
}
