import { ConfigError, readEnv, url } from "./config.ts";
import { createLog } from "./log.ts";
import { migrate } from "./migrate.ts";

// node services/chassis/src/migrate-main.ts <directory>, with DATABASE_URL: what an init container runs.
try {
  const directory = process.argv[2];
  if (directory === undefined) {
    throw new ConfigError(["usage: node services/chassis/src/migrate-main.ts <directory of NNNN_name.sql files>"]);
  }
  const { DATABASE_URL } = readEnv({ DATABASE_URL: url({ protocols: ["postgres:", "postgresql:"] }) });
  const log = createLog({ service: "migrate", level: "info" });
  const ran = await migrate({ url: DATABASE_URL, directory, log });
  log.info({ directory, ran: ran.length }, "the database is up to date");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
