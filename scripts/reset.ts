import { rm } from "node:fs/promises";
import { join } from "node:path";
import { dataPlace } from "./stack/postgres.ts";
import { StartError } from "./stack/start-error.ts";
import { holdState, usualStateDirectory } from "./stack/state.ts";

// npm run reset: the next start begins with an empty shop. Refuses while one runs.

const stateDirectory = usualStateDirectory();
try {
  const held = await holdState(stateDirectory);
  // Postgres' data may lie elsewhere, where root's account for it can reach them.
  await rm(await dataPlace(join(stateDirectory, "postgres")), { recursive: true, force: true });
  held.release();
  await rm(stateDirectory, { recursive: true, force: true });
  process.stdout.write(`Emptied ${stateDirectory}\n`);
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
