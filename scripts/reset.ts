import { rm } from "node:fs/promises";
import { join } from "node:path";
import { removeData } from "./stack/postgres.ts";
import { StartError } from "./stack/start-error.ts";
import { lockState, usualStateDirectory } from "./stack/state.ts";

// npm run reset: deletes the shop's data, so the next start begins with an empty shop. Refuses while the shop runs.

const stateDirectory = usualStateDirectory();
try {
  const lock = await lockState(stateDirectory);
  await removeData(join(stateDirectory, "postgres"));
  lock.release();
  await rm(stateDirectory, { recursive: true, force: true });
  process.stdout.write(`Deleted ${stateDirectory}\n`);
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
