import { createHash, type Hash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { cloneFolder } from "../../scripts/clone.ts";
import { ProgramError } from "../../scripts/program.ts";
import { cacheDirectory } from "../../scripts/stack/postgres-programs.ts";
import { helmVersion } from "./helm.ts";

const pack = promisify(gzip);
const unpack = promisify(gunzip);
const dayMs = 86_400_000;

/** Everything that decides what Helm does, besides its arguments and its standard input. */
const inputs = ["charts/sagacart", "charts/service", "k8s/profiles", "k8s/temporal", "charts/tests/helm-many.go"];

/**
 * Returns what Helm answered to these arguments before, or else asks it: test files render the same variants, and so does the
 * next run as long as no file that Helm reads has changed. Refusals are kept, too; other errors are not.
 */
export async function cachedRender(
  args: readonly string[],
  input: string,
  ask: () => Promise<string>,
): Promise<string> {
  folder ??= openFolder();
  const key = createHash("sha256")
    .update(JSON.stringify([args, input]))
    .digest("hex");
  const file = join(await folder, key);
  const known = await readFile(file).then(unpack, () => undefined);
  const answer: Answer = known === undefined ? await asked(ask) : JSON.parse(known.toString());
  if (known === undefined) await store(file, answer);
  if ("refusal" in answer) throw new ProgramError(answer.refusal);
  return answer.output;
}

type Answer = { readonly output: string } | { readonly refusal: string };

let folder: Promise<string> | undefined;

/** Returns the folder for the files as they are, and deletes those of files that changed more than a day ago. */
async function openFolder(): Promise<string> {
  const all = join(cacheDirectory(), "helm-renders");
  const hash = createHash("sha256").update(await helmVersion());
  for (const path of inputs) await addTo(hash, path);
  const own = join(all, hash.digest("hex").slice(0, 16));
  await mkdir(own, { recursive: true });
  for (const name of await readdir(all)) {
    const other = join(all, name);
    const { mtimeMs } = await stat(other).catch(() => ({ mtimeMs: Date.now() }));
    if (other !== own && Date.now() - mtimeMs > dayMs) await rm(other, { recursive: true, force: true });
  }
  return own;
}

async function addTo(hash: Hash, path: string): Promise<void> {
  const full = join(cloneFolder, path);
  // Follows links: charts/sagacart/charts/service is one.
  if ((await stat(full)).isDirectory()) {
    for (const name of (await readdir(full)).toSorted()) await addTo(hash, join(path, name));
  } else {
    const content = await readFile(full);
    hash.update(`${path} ${content.length}\n`).update(content);
  }
}

async function asked(ask: () => Promise<string>): Promise<Answer> {
  try {
    return { output: await ask() };
  } catch (error) {
    if (error instanceof ProgramError && error.message.includes("Error: ")) return { refusal: error.message };
    throw error;
  }
}

async function store(file: string, answer: Answer): Promise<void> {
  // Atomic, because other processes read it.
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, await pack(JSON.stringify(answer), { level: 1 }));
  await rename(unfinished, file);
}
