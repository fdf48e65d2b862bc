import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { rulesFolder } from "./rules.ts";

// Prometheus' own program, where it is on the PATH or named by PROMTOOL: npm does not have it.
const promtool = process.env.PROMTOOL || "promtool";
const run = promisify(execFile);
const isThere = await run(promtool, ["--version"]).then(
  () => true,
  () => false,
);

// It goes through hours of samples: seconds, and many of them on a busy machine.
const timeout = 120_000;

test.skipIf(!isThere)("promtool takes the rules", { timeout }, async () => {
  const files = await readdir(rulesFolder);
  const paths = files.map((file) => fileURLToPath(new URL(file, rulesFolder)));
  const { stdout } = await run(promtool, ["check", "rules", ...paths]);
  expect(stdout.match(/SUCCESS/g)).toHaveLength(files.length);
});

test.skipIf(!isThere)("the alerts go off when they should, and only then", { timeout }, async () => {
  const tests = fileURLToPath(new URL("rules-test.yaml", import.meta.url));
  const { stdout } = await run(promtool, ["test", "rules", tests]);
  expect(stdout).toContain("SUCCESS");
});
