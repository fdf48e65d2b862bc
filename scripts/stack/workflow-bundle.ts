import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cloneFolder } from "../clone.ts";
import { endOf } from "./process-end.ts";
import { sourcesHash } from "./sources-hash.ts";

/**
 * Returns the file with the workflow bundle, rebuilt when a source has changed. A worker that bundles by itself starts
 * about 1.5 s later and keeps 100 MB of webpack. Returns undefined if the build fails: the worker then builds the
 * bundle itself and reports the error.
 */
export async function workflowBundle(): Promise<string | undefined> {
  const file = join(cloneFolder, ".sagacart", "bundles", `${await sourcesHash(sources)}.js`);
  if (existsSync(file)) return file;
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch {
    return undefined;
  }
  // Rename into place: several shops of one clone may start at once.
  const unfinished = `${file}.${process.pid}.new`;
  const program = join(cloneFolder, "workflows", "src", "worker", "bundle.ts");
  const how = await endOf(spawn(process.execPath, [program, unfinished], { stdio: "ignore" }));
  if (how !== "exit code 0") return undefined;
  await rename(unfinished, file);
  return file;
}

const sources = [
  "workflows/src/**/*.ts",
  "services/chassis/src/trace/traceparent.ts",
  "proto/gen/**/*.ts",
  "package-lock.json",
];
