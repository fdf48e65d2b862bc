import "./help.ts";
import { readFile, writeFile } from "node:fs/promises";

// npm run lockfile, after adding or updating a dependency: removes the packages' `engines` from package-lock.json.
//
// npm compares them with the Node that it runs on and warns of each package that needs a newer one. The project's
// programs run on the Node that npm ci installs.

const file = new URL("../package-lock.json", import.meta.url);
const lock: { packages: Record<string, { engines?: unknown }> } = JSON.parse(await readFile(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.engines;
}
await writeFile(file, `${JSON.stringify(lock, undefined, 2)}\n`);
