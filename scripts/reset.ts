import "./help.ts";
import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { removeData } from "./stack/postgres.ts";
import { StartError } from "./stack/start-error.ts";
import { lockState, usualStateDirectory } from "./stack/state.ts";

// npm run reset: deletes the shop's data, so the next start begins with an empty shop. Refuses while the shop runs, and leaves
// files that are not the shop's.

const ours =
  /^(postgres(\.log)?|logs|bundles|compile-cache|(secrets|shop|demo-carts)\.json(\.new)?|(temporal|lock)\.db(-\w+)?)$/;

const stateDirectory = usualStateDirectory();
try {
  const lock = await lockState(stateDirectory);
  await removeData(join(stateDirectory, "postgres"));
  lock.release();
  const names = await readdir(stateDirectory);
  const kept = names.filter((name) => ours.test(name));
  await Promise.all(kept.map((name) => rm(join(stateDirectory, name), { recursive: true, force: true })));
  const isEmpty = kept.length === names.length;
  if (isEmpty) await rmdir(stateDirectory);
  process.stdout.write(
    `Deleted ${isEmpty ? "" : "the shop in "}${stateDirectory}${isEmpty ? "" : "; other files stay"}\n`,
  );
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
