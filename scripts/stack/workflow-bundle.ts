import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cloneFolder } from "../clone.ts";
import { endOf } from "./process-end.ts";

/**
 * The file with the workflows' code, made anew when a source of theirs has changed. A worker that bundles them itself
 * takes about a second and a half longer to start and keeps a hundred megabytes of webpack. Answers undefined where
 * it cannot be made; the worker then does so itself, and says what is wrong.
 */
export async function workflowBundle(): Promise<string | undefined> {
  const file = join(cloneFolder, ".sagacart", "bundles", `${await sourcesHash()}.js`);
  if (existsSync(file)) return file;
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch {
    return undefined;
  }
  // Renamed into place, since several shops of one clone may start at once.
  const unfinished = `${file}.${process.pid}.new`;
  const program = join(cloneFolder, "workflows", "src", "worker", "bundle.ts");
  const how = await endOf(spawn(process.execPath, [program, unfinished], { stdio: "ignore" }));
  if (how !== "exit code 0") return undefined;
  await rename(unfinished, file);
  return file;
}

async function sourcesHash(): Promise<string> {
  const hash = createHash("sha256");
  const patterns = [
    "workflows/src/**/*.ts",
    "services/chassis/src/trace/traceparent.ts",
    "proto/gen/**/*.ts",
    "package-lock.json",
  ];
  const files: string[] = [];
  for await (const file of glob(patterns, { cwd: cloneFolder })) {
    if (!file.endsWith(".test.ts")) files.push(file);
  }
  for (const file of files.sort()) hash.update(file).update(await readFile(join(cloneFolder, file)));
  return hash.digest("hex").slice(0, 16);
}
