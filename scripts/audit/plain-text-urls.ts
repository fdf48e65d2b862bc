import { type AuditedDatabase, auditedDatabases } from "../shop.ts";

/**
 * Returns the databases whose URL does not make pg verify the server by TLS. `require` and `verify-ca` are left out: what
 * they mean changes with pg's versions.
 */
export function plainTextUrls(urls: Readonly<Record<AuditedDatabase, string>>): AuditedDatabase[] {
  return auditedDatabases.filter((name) => new URL(urls[name]).searchParams.get("sslmode") !== "verify-full");
}
