import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { postgresAccount } from "./account.ts";
import { createGuard, type Guard } from "./guard.ts";
import { freePort, loopback } from "./ports.ts";
import { type Cluster, endLeftover, initialise, passwordFile, runAs } from "./postgres-cluster.ts";
import { postgresPrograms, reachableDirectory } from "./postgres-programs.ts";
import { endOf } from "./process-end.ts";
import { messageOf, StartError } from "./start-error.ts";

export type PostgresOptions = {
  /** Created if missing. Only one server can run on it: starting one ends a leftover of a crash. */
  readonly dataDirectory: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Settings of postgresql.conf, for example `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: (line: string) => void;
  /** Stops at once, without a checkpoint, and deletes the data. */
  readonly temporary?: boolean;
  /** Ends the server if this process is killed. Default: a guard of its own. */
  readonly guard?: Guard;
};

export type Postgres = {
  /** Returns the connection string of a database, for the superuser or another login. */
  url(database: string, login?: { user: string; password: string }): string;
  /** The superuser's connection string of the database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  readonly logFile: string;
  /** The actual place of the data: below /var/lib if the account `postgres` cannot reach the requested folder. */
  readonly dataDirectory: string;
  /** Resolves with the cause when the server has ended. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
};

/**
 * Starts a real Postgres, from npm, on loopback: creates the cluster if missing and resolves when the server accepts
 * connections. Throws a StartError if it cannot start.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const log = options.log ?? (() => undefined);
  const account = await postgresAccount();
  const programs = await postgresPrograms(account);
  const wanted = resolve(options.dataDirectory);
  await makeFolder(dirname(wanted));
  const dataDirectory = reachableDirectory(account, wanted);
  const cluster: Cluster = { dataDirectory, account, programs, logFile: join(dirname(wanted), "postgres.log") };
  if (!existsSync(join(dataDirectory, "PG_VERSION"))) {
    log(`Creating the Postgres cluster in ${dataDirectory}`);
    await initialise(cluster, { sync: options.settings?.fsync !== "off" });
  }
  await endLeftover(cluster, log);
  const port = options.port ?? (await freePort());
  const child = await start(cluster, { port, settings: options.settings ?? {} });

  const ownGuard = options.guard === undefined ? createGuard() : undefined;
  const unwatch = (options.guard ?? ownGuard)?.watch(pidOf(child), "INT");
  const ended = endOf(child).then((how) => {
    unwatch?.();
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
      // SIGINT is a fast shutdown with a checkpoint; SIGQUIT leaves recovery to the next start.
      child.kill(options.temporary === true ? "SIGQUIT" : "SIGINT");
      const signals = new AbortController();
      const forceLate = sleep(20_000, undefined, { signal: signals.signal, ref: false }).then(
        () => child.kill("SIGQUIT"),
        () => undefined,
      );
      await ended;
      signals.abort();
      await forceLate;
      if (options.temporary === true) await removeData(wanted);
    },
  };
}

/** Returns the folder that startPostgres uses for this data directory. Its parent must exist. */
export async function actualDataDirectory(dataDirectory: string): Promise<string> {
  return reachableDirectory(await postgresAccount(), resolve(dataDirectory));
}

/** Deletes the data that startPostgres keeps for this data directory. No server may run on it. */
export async function removeData(dataDirectory: string): Promise<void> {
  const wanted = resolve(dataDirectory);
  await rm(wanted, { recursive: true, force: true });
  if (existsSync(dirname(wanted))) {
    const place = await actualDataDirectory(wanted);
    // Below /var/lib it has a folder of its own.
    if (place !== wanted) await rm(dirname(place), { recursive: true, force: true });
  }
}

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    throw new StartError(`The folder ${directory} cannot be created: ${messageOf(cause)}.`, { cause });
  }
}

type Start = { readonly port: number; readonly settings: Readonly<Record<string, string>> };

async function start(cluster: Cluster, { port, settings }: Start): Promise<ChildProcess> {
  const all = { ...laptopSettings, ...settings };
  const args = ["-D", cluster.dataDirectory, "-p", String(port)];
  for (const [name, value] of Object.entries(all)) args.push("-c", `${name}=${value}`);
  // After SIGKILL of the server, its children may hold the shared memory for a moment.
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
    const text = (await readFile(cluster.logFile)).subarray(before).toString("utf8");
    if (attempt === 20 || !text.includes("still in use")) {
      throw new StartError(
        `Postgres did not start (${failure}): ${text.trim().split("\n").slice(-4).join(" ")}\nIts log is ${cluster.logFile}.`,
      );
    }
    await sleep(250);
  }
}

/** fsync stays on: committed data must survive a power cut. Tests turn it off. */
const laptopSettings = {
  listen_addresses: loopback,
  // Only TCP: in a deeply nested clone the socket's path could exceed the system's limit of 107 bytes.
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "128MB",
  max_wal_size: "1GB",
  jit: "off",
  max_logical_replication_workers: "0",
  timezone: "UTC",
  log_timezone: "UTC",
  // io_method=worker would add three processes for reads that the page cache answers.
  io_method: "sync",
};

// Waits, as pg_ctl does, for "ready" in the last line of postmaster.pid. Recovery after a crash can take up to 60 s.
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
