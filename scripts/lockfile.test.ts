import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const lock = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8"));
const packages: [string, { engines?: unknown; resolved?: string }][] = Object.entries(lock.packages);

test("no package has `engines`, which npm ci would check against its own Node: `npm run lockfile` removes them", () => {
  expect(packages.filter(([, { engines }]) => engines !== undefined).map(([path]) => path)).toEqual([]);
});

test("the lock file names no registry, so npm uses the configured one", () => {
  expect(packages.filter(([, { resolved }]) => resolved?.includes("://")).map(([path]) => path)).toEqual([]);
});
