import type { Log } from "../process/log.ts";
import { readMigrations } from "./migrate.ts";
import type { Pool } from "./pool.ts";
import { SchemaError } from "./schema-error.ts";

export type SchemaOptions = {
  pool: Pool;
  /** The migrations that this version of the service needs. */
  migrations: URL;
  log: Log;
};

/**
 * Returns a check that the database has the migrations of this version: it throws a SchemaError otherwise, and asks no more
 * once it has succeeded. A service never migrates, and may not read the migrations' table; the view schema_version tells it
 * the newest. A newer one than its own is a newer version's, on whose schema it runs.
 */
export function schemaCheck({ pool, migrations, log }: SchemaOptions): () => Promise<void> {
  let passed = false;
  return async () => {
    if (passed) {
      return;
    }
    const needed = (await readMigrations(migrations)).at(-1)?.name ?? "";
    const { newest, role, changes } = await readVersion(pool);
    if (newest < needed) {
      throw new SchemaError(
        `the schema of the database is older than this version needs: its newest migration is ${newest || "none"}, and ` +
          `${needed} is needed. ${help}`,
      );
    }
    if (changes) {
      log.warn(
        { role },
        "the role of DATABASE_URL may change the schema; migrate with DATABASE_OWNER_URL, and serve without",
      );
    }
    passed = true;
  };
}

const help =
  "Run the migrations first: services/chassis/src/postgres/migrate-main.ts, as the chart's init container does.";

type Version = { newest: string; role: string; changes: boolean };

async function readVersion(pool: Pool): Promise<Version> {
  try {
    const { rows } = await pool.query<Version>(
      `select coalesce(name, '') as newest, current_user as role, has_schema_privilege('public', 'create') as changes
       from schema_version`,
    );
    return rows[0] ?? { newest: "", role: "", changes: false };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "42P01") {
      throw new SchemaError(`the database has no view schema_version: it was not migrated for this version. ${help}`, {
        cause: error,
      });
    }
    if (code === "42501") {
      throw new SchemaError(
        `the role of DATABASE_URL may not read schema_version: the migrations have not given it its rights. ${help} They ` +
          "need DATABASE_URL of this role, and DATABASE_OWNER_URL.",
        { cause: error },
      );
    }
    throw error;
  }
}
