import { ConfigError, migrationsEnv, readEnv } from "../process/config.ts";
import { createLog } from "../process/log.ts";
import { migrate } from "./migrate.ts";

// Run by an init container: node services/chassis/src/postgres/migrate-main.ts <directory>. It is the only
// program that connects as the owner of the database; the service itself connects with DATABASE_URL.
try {
  const directory = process.argv[2];
  if (directory === undefined) {
    throw new ConfigError([
      "usage: node services/chassis/src/postgres/migrate-main.ts <directory of NNNN_name.sql files>",
    ]);
  }
  const { DATABASE_URL, DATABASE_OWNER_URL, DATABASE_WAIT_MS } = readEnv(migrationsEnv());
  const log = createLog({ service: "migrate", level: "info" });
  const urls =
    DATABASE_OWNER_URL === undefined ? { url: DATABASE_URL } : { url: DATABASE_OWNER_URL, servingUrl: DATABASE_URL };
  const ran = await migrate({ ...urls, directory, waitMs: DATABASE_WAIT_MS, log });
  log.info({ directory, ran: ran.length }, "the database is up to date");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
