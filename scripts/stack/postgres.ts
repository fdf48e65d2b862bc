import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { postgresAccount } from "./account.ts";
import { createGuard, type Guard } from "./guard.ts";
import { freePort, loopback } from "./ports.ts";
import { type Cluster, endLeftover, initialise, passwordFile, runAs } from "./postgres-cluster.ts";
import { postgresPrograms, reachablePlace } from "./postgres-programs.ts";
import { endOf } from "./process-end.ts";
import { messageOf, StartError } from "./start-error.ts";

export type PostgresOptions = {
  /** Made when missing. Whoever starts a server on it holds it alone: one that is left there by a crash is ended. */
  readonly dataDirectory: string;
  /** A free one when left out. */
  readonly port?: number;
  /** As in postgresql.conf: `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: (line: string) => void;
  /** The data go when it stops, and it stops at once. */
  readonly temporary?: boolean;
  /** Ends the server should this process be killed; one of its own when left out. */
  readonly guard?: Guard;
};

export type Postgres = {
  /** The connection string of a database, as the superuser or as somebody else. */
  url(database: string, login?: { user: string; password: string }): string;
  /** The superuser's, of the database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  readonly logFile: string;
  /** Where the data really are: below /var/lib when root's account for Postgres cannot reach dataDirectory. */
  readonly dataDirectory: string;
  /** Settles when the server has ended, for whatever reason. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
};

/**
 * A real Postgres on loopback, from npm: makes the cluster when there is none, starts it and answers when it takes
 * connections. Throws a StartError with a sentence when it cannot be had.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const log = options.log ?? (() => undefined);
  const account = await postgresAccount();
  const programs = await postgresPrograms(account);
  const wanted = resolve(options.dataDirectory);
  await makeFolder(dirname(wanted));
  const dataDirectory = reachablePlace(account, wanted);
  const cluster: Cluster = { dataDirectory, account, programs, logFile: join(dirname(wanted), "postgres.log") };
  if (!existsSync(join(dataDirectory, "PG_VERSION"))) {
    log(`Creating the Postgres cluster in ${dataDirectory}`);
    await initialise(cluster, { sync: options.settings?.fsync !== "off" });
  }
  await endLeftover(cluster, log);
  const port = options.port ?? (await freePort());
  const child = await start(cluster, { port, settings: options.settings ?? {} });

  const ownGuard = options.guard === undefined ? createGuard() : undefined;
  const letGo = (options.guard ?? ownGuard)?.watch(pidOf(child), "INT");
  const ended = endOf(child).then((how) => {
    letGo?.();
    ownGuard?.dispose();
    return how;
  });
  const password = await readFile(join(dataDirectory, passwordFile), "utf8");
  const url: Postgres["url"] = (database, login = { user: "postgres", password }) =>
    `postgres://${login.user}:${encodeURIComponent(login.password)}@${loopback}:${port}/${database}`;
  return {
    url,
    adminUrl: url("postgres"),
    port,
    pid: pidOf(child),
    logFile: cluster.logFile,
    dataDirectory,
    ended,
    async stop() {
      // INT ends the connections and closes properly ("fast"); QUIT leaves the rest to the next start's recovery.
      child.kill(options.temporary === true ? "SIGQUIT" : "SIGINT");
      const signals = new AbortController();
      const impatient = sleep(20_000, undefined, { signal: signals.signal, ref: false }).then(
        () => child.kill("SIGQUIT"),
        () => undefined,
      );
      await ended;
      signals.abort();
      await impatient;
      if (options.temporary === true) await removeData(wanted);
    },
  };
}

/** Where startPostgres keeps the data that are asked for at this place; the folder above it must be there. */
export async function dataPlace(dataDirectory: string): Promise<string> {
  return reachablePlace(await postgresAccount(), resolve(dataDirectory));
}

/** Removes what startPostgres keeps for this data directory, wherever it is. No server may run on it. */
export async function removeData(dataDirectory: string): Promise<void> {
  const wanted = resolve(dataDirectory);
  await rm(wanted, { recursive: true, force: true });
  if (existsSync(dirname(wanted))) {
    const place = await dataPlace(wanted);
    // Elsewhere it has a folder of its own.
    if (place !== wanted) await rm(dirname(place), { recursive: true, force: true });
  }
}

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    throw new StartError(`The folder ${directory} cannot be made: ${messageOf(cause)}.`, { cause });
  }
}

type Start = { readonly port: number; readonly settings: Readonly<Record<string, string>> };

async function start(cluster: Cluster, { port, settings }: Start): Promise<ChildProcess> {
  const all = { ...laptopSettings, ...settings };
  const args = ["-D", cluster.dataDirectory, "-p", String(port)];
  for (const [name, value] of Object.entries(all)) args.push("-c", `${name}=${value}`);
  // After a kill -9 of the server its last children may still hold the shared memory for a moment.
  for (let attempt = 1; ; attempt += 1) {
    const output = await open(cluster.logFile, "a", 0o600);
    const before = (await output.stat()).size;
    const child = spawn(cluster.programs.postgres, args, {
      ...runAs(cluster.account),
      stdio: ["ignore", output.fd, output.fd],
    });
    await output.close();
    const failure = await readiness(child, cluster.dataDirectory);
    if (failure === undefined) return child;
    const said = (await readFile(cluster.logFile)).subarray(before).toString("utf8");
    if (attempt === 20 || !said.includes("still in use")) {
      throw new StartError(
        `Postgres did not start (${failure}): ${said.trim().split("\n").slice(-4).join(" ")}\nIts log is ${cluster.logFile}.`,
      );
    }
    await sleep(250);
  }
}

/** fsync stays on: what the shop has promised must survive a power cut here too. Tests switch it off. */
const laptopSettings = {
  listen_addresses: loopback,
  // Only TCP: the path of a socket in a deep clone would be longer than the 107 bytes the system admits.
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "128MB",
  max_wal_size: "1GB",
  jit: "off",
  max_logical_replication_workers: "0",
  timezone: "UTC",
  log_timezone: "UTC",
  // The workers of io_method=worker would be three more processes for reads that the page cache answers.
  io_method: "sync",
};

// The server writes "ready" into the last line of postmaster.pid; pg_ctl waits for the same. Sixty seconds are for the
// recovery after a crash.
async function readiness(child: ChildProcess, dataDirectory: string): Promise<string | undefined> {
  let failure: string | undefined;
  const watch = endOf(child).then((how) => {
    failure = how;
  });
  for (let waited = 0; waited < 60_000 && failure === undefined; waited += 10) {
    const lines = (await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
    if (Number(lines[0]) === child.pid && ["ready", "standby"].includes(lines[7]?.trim() ?? "")) return undefined;
    await sleep(10);
  }
  if (failure !== undefined) return failure;
  child.kill("SIGQUIT");
  await watch;
  return "not ready after 60 s";
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("a process that did not start has no id");
  return child.pid;
}
