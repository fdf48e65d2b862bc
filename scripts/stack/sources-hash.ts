import { createHash } from "node:crypto";
import { glob, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { cloneFolder } from "../clone.ts";

/** Returns a hash over the files of the clone that fit the patterns, tests left out: the name of what is built of them. */
export async function sourcesHash(patterns: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  const files: string[] = [];
  for await (const file of glob([...patterns], { cwd: cloneFolder })) {
    if (!/\.test\.tsx?$/.test(file) && (await stat(join(cloneFolder, file))).isFile()) files.push(file);
  }
  for (const file of files.sort()) hash.update(file).update(await readFile(join(cloneFolder, file)));
  return hash.digest("hex").slice(0, 16);
}
