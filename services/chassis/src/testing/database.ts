import { randomBytes } from "node:crypto";
import pg from "pg";
import { migrate, readMigrations } from "../postgres/migrate.ts";
import { createPool, type Pool } from "../postgres/pool.ts";
import { silentLog } from "./log.ts";

export type TestDatabase = AsyncDisposable & {
  /** The role that a service connects with: it may change rows, and nothing else. Of an empty database, the owner. */
  readonly url: string;
  readonly pool: Pool;
  /** The owner, for what a test arranges and a service may not do. */
  readonly ownerUrl: string;
  readonly owner: Pool;
};

/**
 * Creates a database with these migrations, or an empty one, on the server of TEST_POSTGRES_URL, which the tests' global
 * setup starts. The migrations run once, in a template; each database is a copy of it, made in some 30 ms. Dispose of
 * it: `await using database = await testDatabase(...)`.
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
    // A copy does not have the rights on the database itself.
    await admin.query(`revoke temporary on database ${name} from public`);
  });
  const ownerUrl = databaseUrl(server, name);
  const url = migrationsDirectory === undefined ? ownerUrl : servingUrl(ownerUrl);
  const open = (url: string) => createPool({ url, size: 10, applicationName: "test", log: silentLog });
  const owner = open(ownerUrl);
  const pool = url === ownerUrl ? owner : open(url);
  return {
    url,
    pool,
    ownerUrl,
    owner,
    async [Symbol.asyncDispose]() {
      await Promise.all([...new Set([pool, owner])].map((each) => each.end()));
      await withAdmin(server, (admin) => admin.query(`drop database ${name} with (force)`));
    },
  };
}

/** Returns the template's name. The first caller makes it, under a lock, and renames it when it is complete. */
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
      await createServingRole(admin);
      const url = databaseUrl(server, unfinished);
      await migrate({ url, servingUrl: servingUrl(url), directory });
      await admin.query(`alter database ${unfinished} rename to ${name}`);
    }
  } finally {
    await admin.query("select pg_advisory_unlock(hashtext($1))", [name]);
  }
  return name;
}

const serving = { role: "test_serving", password: "of the tests" };

/** Creates the role with which services connect in tests, one for all databases, if it does not exist. */
async function createServingRole(admin: pg.Client): Promise<void> {
  const { role, password } = serving;
  // Another file's template may be made at the same time, under another lock.
  await admin.query(`
    select pg_advisory_xact_lock(hashtext('${role}'));
    do $$ begin
      if not exists (select from pg_roles where rolname = '${role}') then
        create role ${role} login password '${password}';
      end if;
    end $$`);
}

function servingUrl(ownerUrl: string): string {
  const url = new URL(ownerUrl);
  url.username = serving.role;
  url.password = serving.password;
  return url.href;
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
