import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { byName, type DatabaseName, databaseNames, type ServiceClient } from "../shop.ts";
import { createDatabaseServer } from "./database-server.ts";
import { createGuard, type Guard } from "./guard.ts";
import { inShort } from "./log-line.ts";
import { loopback, takenPorts } from "./ports.ts";
import { cacheDirectory } from "./postgres-programs.ts";
import { createProcesses, type Death, type ProcessesOptions, type ProcessSpec } from "./processes.ts";
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
import { holdState, readSecrets, removeShopFile, type ShopFile } from "./state.ts";
import { checkTemporal, devServer } from "./temporal.ts";
import { findTemporal } from "./temporal-program.ts";
import { workflowBundle } from "./workflow-bundle.ts";

export type StackOptions = {
  /** Made when missing; one shop at a time. */
  readonly stateDirectory: string;
  /** The usual ones (as the environment sets them), or any that are free. */
  readonly ports: "default" | "free";
  readonly log: (line: string) => void;
  /** For Postgres, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** For Temporal, as in its dynamic configuration; not for a server that runs already. */
  readonly temporalSettings?: Readonly<Record<string, string>>;
  /** More variables for a process, by its name. */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly show?: ProcessesOptions["show"];
  /** Told of each process that ends unasked; logged when left out. */
  readonly onDeath?: ProcessesOptions["onDeath"];
  /** Stops a start under way, which then throws when all is tidied up. */
  readonly signal?: AbortSignal;
  /** The data go at the end. */
  readonly temporary?: boolean;
  /** Ends everything should this process be killed; one of its own when left out. */
  readonly guard?: Guard;
  /** Other processes than the shop's, for the tests of this program. */
  readonly services?: readonly Service[];
};

export type Stack = AsyncDisposable & {
  readonly stateDirectory: string;
  readonly ports: Ports;
  /** `host:port` by name: order … identity, gateway, worker (metrics), card-provider, carrier, mailbox, postgres, temporal. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** The variables by which the programs that come with the shop (a bench, a test) get tokens of their own. */
  tokenEnv(client: ServiceClient): Readonly<Record<string, string>>;
  /** The owner's connection string of a service's database, and the one that only reads. */
  databaseUrl(name: DatabaseName): string;
  auditUrl(name: DatabaseName): string;
  /** Of those that run now, by name. */
  pids(): Record<string, number>;
  /** Ends a process (or "postgres" or "temporal") by this signal; answers when it is gone. */
  kill(name: string, signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again, with more variables if given; answers when it is ready. */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** Stops everything, gracefully and in reverse order. */
  stop(): Promise<void>;
};

/**
 * Brings up the whole shop: Postgres with a migrated database for each service, Temporal, and every process; answers
 * when all are ready. Throws a StartError with a sentence when something is missing, and leaves nothing running then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stateDirectory = resolve(options.stateDirectory);
  await using tidy = new AsyncDisposableStack();
  const held = await holdState(stateDirectory);
  tidy.defer(async () => {
    await removeShopFile(stateDirectory);
    held.release();
    if (options.temporary === true) await rm(stateDirectory, { recursive: true, force: true });
  });
  const services = options.services ?? allServices;
  const ports = options.ports === "free" ? await someFreePorts() : usualPorts();
  await refuseTakenPorts(ports, services);
  const secrets = await readSecrets(stateDirectory);

  const { log, temporary = false, settings = {} } = options;
  const guard = options.guard ?? tidy.adopt(createGuard(), (own) => own.dispose());
  const failed = new AbortController();
  let starting = true;
  const onDeath = (death: Death) => {
    const { name, how, lastLines, logFile } = death;
    if (starting)
      failed.abort(
        new StartError(`${name} ended with ${how} when it had started:\n${lastLines.map(inShort).join("\n")}`),
      );
    else if (options.onDeath === undefined) log(`${name} ended with ${how}, see ${logFile}`);
    else options.onDeath(death);
  };
  const processes = createProcesses({
    logDirectory: join(stateDirectory, "logs"),
    guard,
    onDeath,
    ...(options.show === undefined ? {} : { show: options.show }),
  });
  const databases = createDatabaseServer({
    ...{ stateDirectory, port: ports.postgres, settings, secrets, guard, temporary, log, onDeath },
  });
  const temporal = {
    address: process.env.TEMPORAL_ADDRESS || `${loopback}:${ports.temporal}`,
    namespace: process.env.TEMPORAL_NAMESPACE || "default",
  };
  const databaseUrls = byDatabase((name) => databases.url(name));
  const surroundings = { ports, stateDirectory, secrets, databaseUrls, temporal };
  const specs = new Map(
    services.map((service) => [service.name, serviceProcess(service, surroundings, options.env?.[service.name])]),
  );

  // In the end, and when the start fails or is cut off: the newest first.
  tidy.defer(() => databases.stop());
  tidy.defer(() => processes.stop("temporal"));
  for (const stopsAt of [4, 3, 2, 1] as const) {
    const names = services.filter((service) => service.stopsAt === stopsAt).map(({ name }) => name);
    tidy.defer(() => all(names.map((name) => processes.stop(name))));
  }

  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([failed.signal, options.signal]);
  // What waits for its process to be ready settles by its end.
  const hurry = () => void processes.close().catch(() => undefined);
  signal.addEventListener("abort", hurry);

  const startTemporal = async () => {
    const found = await findTemporal({ env: process.env, cache: cacheDirectory(), log, signal });
    if (found.kind === "server") {
      await checkTemporal(temporal.address, temporal.namespace);
      return log(`Temporal answers at ${temporal.address} (TEMPORAL_ADDRESS)`);
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
  const databasesStarted = databases.start().then(() => log("Postgres is ready, all databases are up to date"));
  const temporalStarted = startTemporal();
  const bundle = services.some(({ runsWorkflows }) => runsWorkflows === true)
    ? workflowBundle()
    : Promise.resolve(undefined);
  const startService = async ({ name, runsWorkflows }: Service) => {
    await databasesStarted;
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
  const tasks: Promise<unknown>[] = [databasesStarted, temporalStarted, bundle, ...services.map(startService)];
  // All are waited for, so that nothing goes on behind the back of who tidies up. What failed first is what to tell:
  // the others then fail because they are stopped.
  await Promise.all(tasks.map((task) => task.catch((error: unknown) => failed.abort(error))));
  signal.throwIfAborted();
  starting = false;
  signal.removeEventListener("abort", hurry);

  const rest = tidy.move();
  const stop = () => rest.disposeAsync();
  const pids = () => {
    const postgres = databases.pid();
    return { ...(postgres === undefined ? {} : { postgres }), ...processes.pids() };
  };
  return {
    stateDirectory,
    ports,
    addresses: addressesOf(ports, temporal.address),
    temporal,
    tokenEnv: (client) => tokenEnv(surroundings, client),
    databaseUrl: databases.url,
    auditUrl: databases.auditUrl,
    pids,
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
  };
}

function usualPorts(): Ports {
  try {
    return portsFromEnvironment(process.env);
  } catch (error) {
    throw new StartError(messageOf(error));
  }
}

async function refuseTakenPorts(ports: Ports, services: readonly Service[]): Promise<void> {
  const temporal = process.env.TEMPORAL_ADDRESS ? "elsewhere" : "ours";
  const sentences = await takenPorts(wantedPorts(ports, services, temporal));
  if (sentences.length === 0) return;
  throw new StartError(`${sentences.join("\n")}\nStop what holds it, or set the variable in brackets to another port.`);
}

function addressesOf(ports: Ports, temporal: string): Record<string, string> {
  const addresses = Object.entries(ports).map(([name, port]) => [name, `${loopback}:${port}`]);
  return { ...Object.fromEntries(addresses), temporal };
}

function byDatabase(url: (name: DatabaseName) => string): Record<DatabaseName, string> {
  return byName(databaseNames, url);
}

async function all(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.all(promises);
}
