import { readFileSync } from "node:fs";

/** The DDL of the outbox's tables, as a service's migrations have it: for an outbox in a bare database. */
export const outboxTables = readFileSync(new URL("../tables.sql", import.meta.url), "utf8");

/** The indexes that a service with tracked commands has on top. */
export const trackedCommandIndexes = readFileSync(new URL("../tracked-commands.sql", import.meta.url), "utf8");
