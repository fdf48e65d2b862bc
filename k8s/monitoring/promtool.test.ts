import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { rulesFolder } from "./rules.ts";

// Uses Prometheus' promtool from PROMTOOL or the PATH, since npm does not have it.
const promtool = process.env.PROMTOOL || "promtool";
const run = promisify(execFile);
const isInstalled = await run(promtool, ["--version"]).then(
  () => true,
  () => false,
);

// promtool evaluates hours of samples, which takes seconds, or many of them on a busy machine.
const timeout = 120_000;

test.skipIf(!isInstalled)("promtool accepts the rules", { timeout }, async () => {
  const files = await readdir(rulesFolder);
  const paths = files.map((file) => fileURLToPath(new URL(file, rulesFolder)));
  const { stdout } = await run(promtool, ["check", "rules", ...paths]);
  expect(stdout.match(/SUCCESS/g)).toHaveLength(files.length);
});

test.skipIf(!isInstalled)("the alerts fire when they should, and only then", { timeout }, async () => {
  const tests = fileURLToPath(new URL("rules-test.yaml", import.meta.url));
  const { stdout } = await run(promtool, ["test", "rules", tests]);
  expect(stdout).toContain("SUCCESS");
});
