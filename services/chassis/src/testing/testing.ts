import { randomBytes } from "node:crypto";
import { type ConnectRouter, createRouterTransport, type Transport } from "@connectrpc/connect";
import pg from "pg";
import { requireAccessRules } from "../auth/access.ts";
import type { Verifier } from "../auth/verify.ts";
import { migrate, readMigrations } from "../postgres/migrate.ts";
import { createPool, type Pool } from "../postgres/pool.ts";
import { createLog, type Log } from "../process/log.ts";
import { serverInterceptors } from "../rpc/interceptors/all.ts";

export type TestDatabase = AsyncDisposable & { readonly url: string; readonly pool: Pool };

/** A log for tests: says nothing. */
export const silentLog: Log = createLog({ service: "test", level: "silent" });

/**
 * A fresh database with these migrations (or empty), on the server of TEST_POSTGRES_URL, which the tests' global
 * setup provides. The migrations run once; each database is a copy of what they made, which takes a few
 * hundredths of a second. Dispose of it: `await using database = await testDatabase(...)`.
 */
export async function testDatabase(migrationsDirectory?: URL): Promise<TestDatabase> {
  const server = process.env.TEST_POSTGRES_URL;
  if (server === undefined) {
    throw new Error("TEST_POSTGRES_URL is not set: run this by vitest, from the root of the repository");
  }
  const name = `test_${randomBytes(8).toString("hex")}`;
  await withAdmin(server, async (admin) => {
    const template =
      migrationsDirectory === undefined ? "template1" : await templateOf(admin, server, migrationsDirectory);
    await admin.query(`create database ${name} template ${template}`);
  });
  const url = databaseUrl(server, name);
  const pool = createPool({ url, size: 10, applicationName: "test", log: silentLog });
  return {
    url,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await withAdmin(server, (admin) => admin.query(`drop database ${name} with (force)`));
    },
  };
}

/**
 * The services without a port: what goes in and comes out passes the same interceptors as on the wire. Nobody is
 * asked who they are, unless there is a verifier.
 */
export function inMemory(routes: (router: ConnectRouter) => void, domain: string, verifier?: Verifier): Transport {
  return createRouterTransport(
    (router) => {
      routes(router);
      if (verifier !== undefined) {
        requireAccessRules(router.handlers.map(({ service }) => service));
      }
    },
    { router: { interceptors: serverInterceptors({ domain, log: silentLog, verifier }) } },
  );
}

/** Made by whoever comes first, under a lock; it gets its name when it is complete. */
async function templateOf(admin: pg.Client, server: string, directory: URL): Promise<string> {
  const checksums = (await readMigrations(directory)).map(({ name, checksum }) => `${name}:${checksum}`);
  const { rows } = await admin.query<{ name: string }>(
    "select 'template_' || left(encode(sha256(convert_to($1, 'utf8')), 'hex'), 32) as name",
    [checksums.join("\n")],
  );
  const name = rows[0]?.name ?? "";
  await admin.query("select pg_advisory_lock(hashtext($1))", [name]);
  try {
    const existing = await admin.query("select from pg_database where datname = $1", [name]);
    if (existing.rowCount === 0) {
      const unfinished = `${name}_new`;
      await admin.query(`drop database if exists ${unfinished} with (force)`);
      await admin.query(`create database ${unfinished}`);
      await migrate({ url: databaseUrl(server, unfinished), directory });
      await admin.query(`alter database ${unfinished} rename to ${name}`);
    }
  } finally {
    await admin.query("select pg_advisory_unlock(hashtext($1))", [name]);
  }
  return name;
}

async function withAdmin<T>(server: string, fn: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  try {
    return await fn(admin);
  } finally {
    await admin.end();
  }
}

function databaseUrl(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
