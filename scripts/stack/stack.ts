import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Launcher, startLauncher } from "../launcher/launcher.ts";
import { startRun } from "../launcher/runs.ts";
import { auditedDatabases, byName, type DatabaseName, databaseNames, type ServiceClient } from "../shop.ts";
import { createDatabaseServer } from "./database-server.ts";
import { createGuard, type Guard } from "./guard.ts";
import { followLog } from "./log-follower.ts";
import { summaryOf } from "./log-line.ts";
import { startTraceServer } from "./observe/trace-server.ts";
import { tracedEnv } from "./observe/traced-env.ts";
import { buildPages } from "./pages.ts";
import { loopback, takenPorts } from "./ports.ts";
import { cacheDirectory } from "./postgres-programs.ts";
import {
  createProcesses,
  type ProcessesOptions,
  type ProcessSpec,
  setOldLogAside,
  type UnexpectedExit,
} from "./processes.ts";
import { serviceProcess } from "./service-process.ts";
import {
  services as allServices,
  type Ports,
  portsFromEnvironment,
  type Service,
  someFreePorts,
  tokenEnv,
  wantedPorts,
} from "./services.ts";
import { messageOf, StartError } from "./start-error.ts";
import { lockState, readSecrets, removeShopFile, type ShopFile } from "./state.ts";
import { checkTemporal, devServer } from "./temporal.ts";
import { findTemporal } from "./temporal-program.ts";
import { workflowBundle } from "./workflow-bundle.ts";

export type StackOptions = {
  /** Created if missing; one shop at a time. */
  readonly stateDirectory: string;
  /** default: the usual ports, or those that the environment sets. free: any free ports. */
  readonly ports: "default" | "free";
  readonly log: (line: string) => void;
  /** Settings of Postgres, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Temporal's dynamic configuration; ignored for a server of TEMPORAL_ADDRESS. */
  readonly temporalSettings?: Readonly<Record<string, string>>;
  /** Additional variables of processes, by process name. */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Keeps the spans of all processes in memory, for the console to show. Default: nothing is traced. */
  readonly observe?: boolean;
  readonly show?: ProcessesOptions["show"];
  /** Called for each process that ends unexpectedly. Default: logs it. */
  readonly onUnexpectedExit?: ProcessesOptions["onUnexpectedExit"];
  /** Cancels the start, which then cleans up and throws. */
  readonly signal?: AbortSignal;
  /** Deletes the data when the shop stops. */
  readonly temporary?: boolean;
  /** Ends everything if this process is killed. Default: a guard of its own. */
  readonly guard?: Guard;
  /**
   * Serves LauncherService to operators, through the gateway: they may kill processes, load the shop and run the audit. The
   * processes then write their security logs into one file, which it shows.
   */
  readonly launcher?: boolean;
  /** Replaces the processes of the shop, for tests of this program. */
  readonly services?: readonly Service[];
};

export type Stack = AsyncDisposable & {
  readonly stateDirectory: string;
  readonly ports: Ports;
  /** `host:port` by the names of the ports, for example `order`, `gateway`, `worker-admin`, `postgres` and `temporal`. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** Returns the variables with which a bench or test program gets tokens of its own. */
  tokenEnv(client: ServiceClient): Readonly<Record<string, string>>;
  /** Returns the owner's connection string of a database. */
  databaseUrl(name: DatabaseName): string;
  /** Returns the connection string with which a service serves: it may change rows, and not the schema. */
  servingUrl(name: DatabaseName): string;
  /** Returns the read-only connection string of a database. */
  auditUrl(name: DatabaseName): string;
  /** Returns the ids of the running processes, by name. */
  pids(): Record<string, number>;
  /** Returns true if a process (or "postgres") runs, or its start has begun. */
  isRunning(name: string): boolean;
  /** Sends the signal to a process (or "postgres" or "temporal") and resolves when it has ended. */
  kill(name: string, signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts a process again, with additional variables if given, and resolves when it is ready. */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** Stops everything, gracefully and in reverse order. */
  stop(): Promise<void>;
};

/**
 * Starts the whole shop: Postgres with a migrated database for each service, Temporal, and every process. Resolves when
 * all are ready. If something is missing it throws a StartError and leaves nothing running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stateDirectory = resolve(options.stateDirectory);
  await using cleanup = new AsyncDisposableStack();
  const lock = await lockState(stateDirectory);
  cleanup.defer(async () => {
    await removeShopFile(stateDirectory);
    lock.release();
    if (options.temporary === true) await rm(stateDirectory, { recursive: true, force: true });
  });
  const services = options.services ?? allServices;
  const { observe = false } = options;
  const ports = options.ports === "free" ? await someFreePorts() : usualPorts();
  await refuseTakenPorts(ports, { services, observe });
  const secrets = await readSecrets(stateDirectory);

  const { log, temporary = false, settings = {}, show } = options;
  const logDirectory = join(stateDirectory, "logs");
  const guard = options.guard ?? cleanup.adopt(createGuard(), (own) => own.dispose());
  const failed = new AbortController();
  let starting = true;
  const unexpectedEnds = new Map<string, number>();
  const onUnexpectedExit = (exit: UnexpectedExit) => {
    const { name, how, lastLines, logFile } = exit;
    unexpectedEnds.set(name, (unexpectedEnds.get(name) ?? 0) + 1);
    if (starting)
      failed.abort(
        new StartError(`${name} ended with ${how} right after its start:\n${lastLines.map(summaryOf).join("\n")}`),
      );
    else if (options.onUnexpectedExit === undefined) log(`${name} ended with ${how}, see ${logFile}`);
    else options.onUnexpectedExit(exit);
  };
  const processes = createProcesses({
    logDirectory,
    guard,
    onUnexpectedExit,
    ...(show === undefined ? {} : { show }),
  });
  const databases = createDatabaseServer({
    ...{ stateDirectory, port: ports.postgres, settings, secrets, guard, temporary, log, onUnexpectedExit },
  });
  const temporal = {
    address: process.env.TEMPORAL_ADDRESS || `${loopback}:${ports.temporal}`,
    namespace: process.env.TEMPORAL_NAMESPACE || "default",
  };
  const servingUrls = byDatabase((name) => databases.servingUrl(name));
  const config = { ports, stateDirectory, secrets, servingUrls, temporal };
  const addresses = addressesOf(ports, { temporal: temporal.address, observe });
  const launcher = options.launcher === true ? await startOwnLauncher() : undefined;
  const traces = observe ? cleanup.use(await startTraceServer(ports.traces)) : undefined;
  const specs = new Map(
    services.map((service) => {
      const { name } = service;
      const traced = traces === undefined ? {} : tracedEnv(name, traces.url);
      const launched = launcher === undefined ? {} : launcher.envOf(name);
      return [name, serviceProcess(service, config, { ...launched, ...traced, ...options.env?.[name] })];
    }),
  );

  async function startOwnLauncher(): Promise<Launcher & { envOf(name: string): Record<string, string> }> {
    const securityLog = join(logDirectory, "security.log");
    await setOldLogAside(securityLog);
    const logFile = join(logDirectory, "launcher.log");
    await setOldLogAside(logFile);
    if (show !== undefined) {
      const follower = await followLog({
        file: logFile,
        only: show.lines,
        line: (line) => show.line("launcher", line),
      });
      cleanup.defer(follower.close);
    }
    const auditUrls = auditedDatabases.map((name) => [`AUDIT_${name.toUpperCase()}_URL`, databases.auditUrl(name)]);
    const auditEnv = { ...Object.fromEntries(auditUrls), ...auditRecordEnv(tokenEnv(config, "audit"), addresses) };
    const started = await startLauncher({
      children: {
        names: services.map(({ name }) => name),
        pid: processes.pid,
        crash: processes.crash,
        unexpectedEnds: (name) => unexpectedEnds.get(name) ?? 0,
      },
      startLoad: ({ checkoutsPerSecond: rate, seconds }) =>
        startRun({
          script: "scripts/load.ts",
          args: ["--rate", `${rate}`, "--seconds", `${seconds}`],
          env: { SAGACART_ADDRESSES: JSON.stringify(addresses) },
          guard,
        }),
      startAudit: () => startRun({ script: "scripts/audit.ts", env: auditEnv, guard }),
      securityLog,
      logFile,
      env: { ...tokenEnv(config, "launcher"), ...options.env?.launcher },
    });
    return {
      ...started,
      envOf: (name) => ({
        SECURITY_LOG: securityLog,
        ...(name === "gateway" ? { LAUNCHER_ADDRESS: started.address } : {}),
      }),
    };
  }

  // At the end, and when the start fails or is cancelled, in reverse order.
  cleanup.defer(() => databases.stop());
  cleanup.defer(() => processes.stop("temporal"));
  for (const stopsAt of [4, 3, 2, 1] as const) {
    const names = services.filter((service) => service.stopsAt === stopsAt).map(({ name }) => name);
    cleanup.defer(() => all(names.map((name) => processes.stop(name))));
  }
  // First: a load must not go on, and nobody kill a process, while they stop.
  if (launcher !== undefined) cleanup.use(launcher);

  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, options.signal]);
  // Ends the processes, so that the calls that wait for their readiness settle.
  const stopEarly = () => void processes.close().catch(() => undefined);
  signal.addEventListener("abort", stopEarly);

  const startTemporal = async () => {
    const found = await findTemporal({ env: process.env, cache: cacheDirectory(), log, signal });
    if (found.kind === "server") {
      await checkTemporal(temporal.address, temporal.namespace);
      return log(`Using the Temporal server at ${temporal.address} (TEMPORAL_ADDRESS)`);
    }
    const { path: program, from } = found;
    const databaseFile = join(stateDirectory, "temporal.db");
    const spec = devServer({
      program,
      port: ports.temporal,
      uiPort: ports["temporal-ui"],
      databaseFile,
      settings: options.temporalSettings,
    });
    specs.set("temporal", spec);
    await processes.start(spec);
    log(`Temporal is ready (${program}, from ${from})`);
  };
  const databasesStarted = databases.start().then(() => log("Postgres is ready and all databases are up to date"));
  const temporalStarted = startTemporal();
  const bundle = services.some(({ runsWorkflows }) => runsWorkflows === true)
    ? workflowBundle()
    : Promise.resolve(undefined);
  const pages = services.some(({ servesPages }) => servesPages === true) ? buildPages(log) : Promise.resolve(undefined);
  const startService = async ({ name, runsWorkflows, servesPages }: Service) => {
    await databasesStarted;
    if (servesPages === true) {
      const directory = await pages;
      const spec = specOf(name);
      const env = directory === undefined ? spec.env : { WEB_DIRECTORY: directory, ...spec.env };
      specs.set(name, { ...spec, env });
    }
    if (runsWorkflows === true) {
      await temporalStarted;
      const spec = specOf(name);
      const bundleFile = await bundle;
      const env = bundleFile === undefined ? spec.env : { WORKFLOW_BUNDLE_PATH: bundleFile, ...spec.env };
      specs.set(name, { ...spec, env });
    }
    await processes.start(specOf(name));
    log(`${name} is ready`);
  };
  const specOf = (name: string): ProcessSpec => {
    const spec = specs.get(name);
    if (spec === undefined) throw new Error(`the shop has no process ${name}`);
    return spec;
  };
  const tasks: Promise<unknown>[] = [databasesStarted, temporalStarted, bundle, pages, ...services.map(startService)];
  // Wait for all, so that nothing starts during the cleanup. Report the first failure: the others fail because they are
  // stopped.
  await Promise.all(tasks.map((task) => task.catch((error: unknown) => failed.abort(error))));
  signal.throwIfAborted();
  await launcher?.ready();
  starting = false;
  signal.removeEventListener("abort", stopEarly);

  const shutdown = cleanup.move();
  const stop = () => shutdown.disposeAsync();
  const pids = () => {
    const postgres = databases.pid();
    return { ...(postgres === undefined ? {} : { postgres }), ...processes.pids() };
  };
  return {
    stateDirectory,
    ports,
    addresses: launcher === undefined ? addresses : { ...addresses, launcher: launcher.address },
    temporal,
    tokenEnv: (client) => tokenEnv(config, client),
    databaseUrl: databases.url,
    servingUrl: databases.servingUrl,
    auditUrl: databases.auditUrl,
    pids,
    isRunning: (name) => (name === "postgres" ? databases.pid() !== undefined : processes.isRunning(name)),
    kill: (name, how) => (name === "postgres" ? databases.kill(how) : processes.kill(name, how)),
    async start(name, env = {}) {
      if (name === "postgres") return databases.start();
      const spec = specOf(name);
      await processes.start({ ...spec, env: { ...spec.env, ...env } });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Returns the content of shop.json. */
export function shopFileOf(stack: Stack): ShopFile {
  return {
    pid: process.pid,
    stateDirectory: stack.stateDirectory,
    addresses: stack.addresses,
    temporal: stack.temporal,
    pids: stack.pids(),
    databaseUrls: byDatabase((name) => stack.databaseUrl(name)),
    auditUrls: byDatabase((name) => stack.auditUrl(name)),
    auditEnv: auditRecordEnv(stack.tokenEnv("audit"), stack.addresses),
  };
}

/** Returns the variables with which the audit records its verdicts. */
function auditRecordEnv(
  token: Readonly<Record<string, string>>,
  addresses: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { ...token, ORDER_ADDRESS: addresses.order ?? "" };
}

function usualPorts(): Ports {
  try {
    return portsFromEnvironment(process.env);
  } catch (error) {
    throw new StartError(messageOf(error));
  }
}

async function refuseTakenPorts(
  ports: Ports,
  { services, observe }: { services: readonly Service[]; observe: boolean },
): Promise<void> {
  const temporal = process.env.TEMPORAL_ADDRESS ? "elsewhere" : "ours";
  const sentences = await takenPorts(wantedPorts(ports, services, { temporal, observe }));
  if (sentences.length === 0) return;
  throw new StartError(
    `${sentences.join("\n")}\nStop the process that uses it, or set the variable in brackets to another port.`,
  );
}

function addressesOf(
  ports: Ports,
  { temporal, observe }: { temporal: string; observe: boolean },
): Record<string, string> {
  const addresses = Object.entries(ports)
    .filter(([name]) => name !== "traces" || observe)
    .map(([name, port]) => [name, `${loopback}:${port}`]);
  return { ...Object.fromEntries(addresses), temporal };
}

function byDatabase(url: (name: DatabaseName) => string): Record<DatabaseName, string> {
  return byName(databaseNames, url);
}

async function all(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.all(promises);
}
