import pg from "pg";
import { auditedDatabases, type DatabaseName, databaseNames } from "../shop.ts";
import type { Postgres } from "./postgres.ts";

/** The read-only role of `npm run audit`. */
export const auditRole = "audit";

/** Returns the role that a service connects with. The database's owner, which migrates it, has the service's name. */
export function servingRole(name: DatabaseName): string {
  return `${name}_serving`;
}

/**
 * Creates missing roles and databases, and sets each role's password from the state folder. A service has two roles, which
 * cannot connect to another's database: one owns the database and migrates it, and gives the other its rights to serve.
 */
export async function createDatabases(postgres: Postgres, passwords: Readonly<Record<string, string>>): Promise<void> {
  const admin = new pg.Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  try {
    const names = async (sql: string) =>
      new Set((await admin.query<{ name: string }>(sql)).rows.map(({ name }) => name));
    const roles = await names("select rolname as name from pg_roles");
    for (const role of [...databaseNames, ...databaseNames.map(servingRole), auditRole]) {
      const password = passwords[role];
      if (password === undefined) throw new Error(`no password for the role ${role}`);
      const verb = roles.has(role) ? "alter" : "create";
      await admin.query(`${verb} role ${quote(role)} login password ${admin.escapeLiteral(password)}`);
    }
    // The predefined role can also read tables that migrations create later.
    await admin.query(`grant pg_read_all_data to ${quote(auditRole)}`);
    await admin.query(`alter role ${quote(auditRole)} set default_transaction_read_only = on`);

    const databases = await names("select datname as name from pg_database");
    for (const name of databaseNames) {
      if (!databases.has(name)) await admin.query(`create database ${quote(name)} owner ${quote(name)}`);
      await admin.query(`revoke connect, temporary on database ${quote(name)} from public`);
      const isAudited = auditedDatabases.some((audited) => audited === name);
      const verb = isAudited ? "grant connect on database" : "revoke connect on database";
      await admin.query(`${verb} ${quote(name)} ${isAudited ? "to" : "from"} ${quote(auditRole)}`);
    }
    await admin.query("revoke connect on database postgres, template1 from public");
  } finally {
    await admin.end();
  }
}

// `order` is a reserved word.
function quote(name: string): string {
  return pg.escapeIdentifier(name);
}
