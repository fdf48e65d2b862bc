import { ConfigError, databaseEnv, durationMs, readEnv } from "../process/config.ts";
import { createLog } from "../process/log.ts";
import { migrate } from "./migrate.ts";

// Run by an init container: node services/chassis/src/postgres/migrate-main.ts <directory>, with DATABASE_URL.
try {
  const directory = process.argv[2];
  if (directory === undefined) {
    throw new ConfigError([
      "usage: node services/chassis/src/postgres/migrate-main.ts <directory of NNNN_name.sql files>",
    ]);
  }
  const { DATABASE_URL, DATABASE_WAIT_MS } = readEnv({
    ...databaseEnv(),
    /** How long to wait for a database that is created at the same time. */
    DATABASE_WAIT_MS: durationMs(0),
  });
  const log = createLog({ service: "migrate", level: "info" });
  const ran = await migrate({ url: DATABASE_URL, directory, waitMs: DATABASE_WAIT_MS, log });
  log.info({ directory, ran: ran.length }, "the database is up to date");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
