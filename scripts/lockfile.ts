import { readFile, writeFile } from "node:fs/promises";

// npm run lockfile, after a dependency was added or updated: takes the packages' `engines` out of package-lock.json.
//
// npm holds them against the Node that it runs on itself, and prints a warning for each package that wants a newer one.
// Everything here runs on the Node that npm ci installs, whichever one npm runs on.

const file = new URL("../package-lock.json", import.meta.url);
const lock: { packages: Record<string, { engines?: unknown }> } = JSON.parse(await readFile(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.engines;
}
await writeFile(file, `${JSON.stringify(lock, undefined, 2)}\n`);
