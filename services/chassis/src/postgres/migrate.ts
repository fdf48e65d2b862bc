import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { Log } from "../process/log.ts";
import { credentialsOf } from "./credentials.ts";
import { keepAlive } from "./pool.ts";
import { grantServing, refuseMoreThanServing } from "./serving-role.ts";

export type MigrateOptions = {
  /** The URL of the role that owns the database. */
  url: string;
  /** The URL of the role that the service connects with, which gets the rights to serve. Absent: the owner serves. */
  servingUrl?: string;
  directory: URL | string;
  /** How long to wait for a database and roles that cannot be reached yet, in ms; by default not at all. */
  waitMs?: number;
  log?: Log;
};

export type Migration = { readonly name: string; readonly sql: string; readonly checksum: string };

/**
 * Brings a database up to date and gives the serving role its rights: runs each NNNN_name.sql of the directory that has not
 * run yet, in order, each in a transaction of its own together with its row in `schema_migrations`. The row is inserted
 * first, and its primary key is the lock: any number of processes may start at once, and each migration runs once. Returns
 * the names of those that ran here.
 *
 * Refuses a directory that changes history (an edited file, a new number below the last). Newer migrations in the database
 * that the directory lacks are ignored: they are a newer version's.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const migrations = await readMigrations(options.directory);
  const patience = { giveUpAt: Date.now() + (options.waitMs ?? 0), log: options.log };
  const client = await connect(options.url, patience);
  const ran: string[] = [];
  try {
    await createBookkeeping(client);
    for (const migration of migrations) {
      if (await run(client, migration)) {
        options.log?.info({ migration: migration.name }, "migrated");
        ran.push(migration.name);
      }
    }
    await refuseForgotten(client, migrations);
    if (options.servingUrl !== undefined) {
      await admit(client, options.servingUrl, patience);
    }
  } finally {
    await client.end();
  }
  return ran;
}

/** Reads the migrations of a directory, in order. Throws for an invalid name or a duplicate number. */
export async function readMigrations(directory: URL | string): Promise<Migration[]> {
  const path = directory instanceof URL ? fileURLToPath(directory) : directory;
  const names = (await readdir(path)).filter((name) => name.endsWith(".sql")).sort();
  const migrations: Migration[] = [];
  for (const name of names) {
    if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name)) {
      throw new Error(`${name} is not a migration's name; it must be like 0001_orders.sql`);
    }
    const before = migrations.at(-1)?.name;
    if (before?.slice(0, 4) === name.slice(0, 4)) {
      throw new Error(`${before} and ${name} have the same number`);
    }
    // Line endings do not change a migration's checksum.
    const sql = (await readFile(join(path, name), "utf8")).replaceAll("\r\n", "\n");
    migrations.push({ name, sql, checksum: createHash("sha256").update(sql).digest("hex") });
  }
  return migrations;
}

/** Until when to try again, and where to say what is waited for. */
type Patience = { readonly giveUpAt: number; readonly log: Log | undefined };

async function connect(url: string, patience: Patience): Promise<pg.Client> {
  const credentials = credentialsOf(url);
  return await tryUntil(patience, async () => {
    const client = new pg.Client({
      connectionString: credentials.url(),
      application_name: "migrate",
      ...keepAlive,
      connectionTimeoutMillis: 10_000,
    });
    // A lost connection also fails the current statement. Without a listener, this event would end the process.
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  });
}

async function tryUntil<T>({ giveUpAt, log }: Patience, attempt: () => Promise<T>): Promise<T> {
  let said = "";
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= giveUpAt) {
        throw error;
      }
      const message = error instanceof Error ? error.message : String(error);
      if (message !== said) {
        log?.warn({ message }, "waiting for the database");
        said = message;
      }
      await setTimeout(1_000);
    }
  }
}

/**
 * Gives the serving role its rights, and connects with its URL, so that the service does not start before it can. The role
 * may be created at the same time, and its password set after it.
 */
async function admit(client: pg.Client, servingUrl: string, patience: Patience): Promise<void> {
  const role = decodeURIComponent(new URL(credentialsOf(servingUrl).url()).username);
  await tryUntil(patience, async () => {
    const { rowCount } = await client.query("select from pg_roles where rolname = $1", [role]);
    if (rowCount === 0) {
      throw new Error(`the role ${role} of DATABASE_URL does not exist`);
    }
  });
  await grantServing(client, role);
  await refuseMoreThanServing(client, role);
  const serving = await connect(servingUrl, patience);
  try {
    const [own, others] = await Promise.all([client, serving].map(databaseOf));
    if (own !== others) {
      throw new Error(
        `DATABASE_URL is the database ${others}, and DATABASE_OWNER_URL is ${own}: they must be the same`,
      );
    }
  } finally {
    await serving.end();
  }
}

/** Returns what tells the database of a connection from others, read with the rights of a service. */
async function databaseOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ which: string }>(
    `select format('%s (newest migration %s) of the server that started at %s',
                   current_database(), name, pg_postmaster_start_time()) as which from schema_version`,
  );
  return rows[0]?.which ?? "";
}

/**
 * Creates the table of the migrations that ran, and the view with the newest of them, which is all that the serving role
 * may see of it. The statements of one message are one transaction. Without the lock, one of two concurrent runs fails on
 * the type. An existing view is left alone: replacing it would wait for a pg_dump to end.
 */
async function createBookkeeping(client: pg.Client): Promise<void> {
  await client.query(`
    select pg_advisory_xact_lock(hashtext('schema_migrations'));
    create table if not exists schema_migrations (
      name     text        primary key,
      checksum text        not null,
      run_time timestamptz not null default now()
    );
    do $$ begin
      if to_regclass('schema_version') is null then
        create view schema_version as select max(name) as name from schema_migrations;
      end if;
    end $$`);
}

async function run(client: pg.Client, { name, sql, checksum }: Migration): Promise<boolean> {
  await client.query("begin");
  try {
    const inserted = await client.query(
      "insert into schema_migrations (name, checksum) values ($1, $2) on conflict do nothing",
      [name, checksum],
    );
    if (inserted.rowCount === 1) {
      await refuseLate(client, name);
      await client.query(sql);
    } else {
      await refuseChanged(client, name, checksum);
    }
    await client.query("commit");
    return inserted.rowCount === 1;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`migration ${name} failed, and nothing of it was done: ${message}`, { cause: error });
  }
}

async function refuseChanged(client: pg.Client, name: string, checksum: string): Promise<void> {
  const { rows } = await client.query<{ checksum: string }>("select checksum from schema_migrations where name = $1", [
    name,
  ]);
  if (rows[0]?.checksum !== checksum) {
    throw new Error("the file was changed after it ran; restore it, and write a new migration for the change");
  }
}

async function refuseLate(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "select name from schema_migrations where name > $1 order by name limit 1",
    [name],
  );
  if (rows[0] !== undefined) {
    throw new Error(`${rows[0].name} ran already; give it a number after the last`);
  }
}

/** Throws if a migration that ran, below our last number, has no file: it was renamed or deleted. */
async function refuseForgotten(client: pg.Client, migrations: readonly Migration[]): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "select name from schema_migrations where name < $1 and name <> all ($2) order by name limit 1",
    [migrations.at(-1)?.name ?? "", migrations.map(({ name }) => name)],
  );
  if (rows[0] !== undefined) {
    throw new Error(`migration ${rows[0].name} ran in this database, and its file is gone; restore it`);
  }
}
