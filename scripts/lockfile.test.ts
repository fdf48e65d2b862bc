import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const lock = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8"));
const packages: [string, { engines?: unknown; resolved?: string }][] = Object.entries(lock.packages);

test("npm ci warns of no package that the Node which npm runs on is too old for: `npm run lockfile` mends it", () => {
  expect(packages.filter(([, { engines }]) => engines !== undefined).map(([path]) => path)).toEqual([]);
});

test("the lock names no registry, so that npm asks the one that it is configured for", () => {
  expect(packages.filter(([, { resolved }]) => resolved?.includes("://")).map(([path]) => path)).toEqual([]);
});
