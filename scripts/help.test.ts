import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cloneFolder } from "./clone.ts";
import { runToEnd } from "./program.ts";

const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(cloneFolder, "package.json"), "utf8"),
);

/** Chains of other programs, without options. */
const chains = ["check", "generate"];

const programs = Object.entries(scripts).filter(([name]) => !chains.includes(name));

test.for(programs)("npm run %s -- --help says what it does, and does nothing", async ([name, command]) => {
  const bin = join(cloneFolder, "node_modules/.bin");
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  const { code, stdout } = await runToEnd("sh", ["-c", `${command} --help`], {
    cwd: cloneFolder,
    env,
    timeoutMs: 60_000,
  });
  expect(code).toBe(0);
  expect(stdout.length).toBeGreaterThan(60);
  const words = name.split(/[^a-z]/);
  expect(words.some((word) => stdout.toLowerCase().includes(word))).toBe(true);
});
