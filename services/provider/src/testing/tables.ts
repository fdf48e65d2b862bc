import { readFileSync } from "node:fs";

/** The table of an inbox, for one in a bare database. */
export const webhookTables = readFileSync(new URL("../tables.sql", import.meta.url), "utf8");
