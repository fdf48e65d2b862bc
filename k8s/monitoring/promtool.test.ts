import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { findPromtool } from "./promtool.ts";
import { rulesFolder } from "./rules.ts";

const run = promisify(execFile);
const promtool = await findPromtool();
// A machine without promtool and APT skips these two tests; in CI they fail.
const isMissing = promtool === undefined && !process.env.CI;

// promtool evaluates hours of samples, which takes seconds, or a minute on a busy machine.
const timeout = 600_000;

test.skipIf(isMissing)("promtool accepts the rules", { timeout }, async () => {
  const files = await readdir(rulesFolder);
  const paths = files.map((file) => fileURLToPath(new URL(file, rulesFolder)));
  const { stdout } = await run(promtool ?? "promtool", ["check", "rules", ...paths]);
  expect(stdout.match(/SUCCESS/g)).toHaveLength(files.length);
});

test.skipIf(isMissing)("the alerts fire when they should, and only then", { timeout }, async () => {
  const tests = fileURLToPath(new URL("rules-test.yaml", import.meta.url));
  const { stdout } = await run(promtool ?? "promtool", ["test", "rules", tests]);
  expect(stdout).toContain("SUCCESS");
});
