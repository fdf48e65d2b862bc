import { existsSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "@sagacart/chassis/postgres/migrate";
import { cloneFolder } from "../clone.ts";
import { type DatabaseName, databaseNames } from "../shop.ts";
import { auditRole, createDatabases, servingRole } from "./databases.ts";
import type { Guard } from "./guard.ts";
import { lastLines } from "./log-line.ts";
import { loopback } from "./ports.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import type { UnexpectedExit } from "./processes.ts";
import type { Secrets } from "./services.ts";
import { messageOf, StartError } from "./start-error.ts";

export type DatabaseServerOptions = {
  readonly stateDirectory: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly secrets: Secrets;
  readonly guard: Guard;
  readonly temporary: boolean;
  readonly log: (line: string) => void;
  onUnexpectedExit(exit: UnexpectedExit): void;
};

export type DatabaseServer = {
  /** Starts Postgres, creates missing databases and roles, and runs migrations. */
  start(): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
  pid(): number | undefined;
  /** The owner's connection string. It does not change when the server restarts. */
  url(name: DatabaseName): string;
  /** The connection string of the service itself. */
  servingUrl(name: DatabaseName): string;
  auditUrl(name: DatabaseName): string;
  adminUrl(): string;
};

/** Manages the shop's Postgres: one server, with a database, its owner and a role to serve for each service. */
export function createDatabaseServer(options: DatabaseServerOptions): DatabaseServer {
  const { port, secrets, log } = options;
  let server: Postgres | undefined;

  const url = (database: DatabaseName, user: string) =>
    `postgres://${user}:${encodeURIComponent(secrets.passwords[user] ?? "")}@${loopback}:${port}/${database}`;
  // Without a current server, its end is not reported.
  const detach = () => {
    const before = server;
    server = undefined;
    return before;
  };
  return {
    async start() {
      if (server !== undefined) throw new Error("postgres is already running");
      const started = await startPostgres({ ...options, dataDirectory: join(options.stateDirectory, "postgres") });
      server = started;
      void started.ended.then(async (how) => {
        if (server !== started) return;
        server = undefined;
        const { logFile } = started;
        options.onUnexpectedExit({ name: "postgres", how, lastLines: await lastLines(logFile), logFile });
      });
      await createDatabases(started, secrets.passwords);
      await Promise.all(
        databaseNames.map((name) =>
          migrateService(name, { url: url(name, name), servingUrl: url(name, servingRole(name)) }, log),
        ),
      );
    },
    async kill(signal) {
      const running = detach();
      if (running === undefined) return;
      process.kill(running.pid, signal);
      await running.ended;
    },
    async stop() {
      await detach()?.stop();
    },
    pid: () => server?.pid,
    url: (name) => url(name, name),
    servingUrl: (name) => url(name, servingRole(name)),
    auditUrl: (name) => url(name, auditRole),
    adminUrl() {
      if (server === undefined) throw new Error("postgres is not running");
      return server.adminUrl;
    },
  };
}

async function migrateService(
  name: DatabaseName,
  urls: { readonly url: string; readonly servingUrl: string },
  log: (line: string) => void,
): Promise<void> {
  const directory = join(cloneFolder, "services", name, "migrations");
  if (!existsSync(directory)) return;
  try {
    const ran = await migrate({ ...urls, directory });
    if (ran.length > 0) log(`Migrated the database of ${name}: ${ran.join(", ")}`);
  } catch (cause) {
    throw new StartError(`The database of ${name} could not be migrated: ${messageOf(cause)}`, { cause });
  }
}
