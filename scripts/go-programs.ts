import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "./stack/postgres-programs.ts";

const run = promisify(execFile);

/** A program that Go can build from a published module, with its version. */
export type GoProgram = { readonly name: string; readonly from: string; readonly version: string };

/** The oldest supported Helm. A program on the PATH is used whatever its version. */
export const helm: GoProgram = { name: "helm", from: "helm.sh/helm/v3/cmd/helm", version: "v3.18.6" };

export const kubeconform: GoProgram = {
  name: "kubeconform",
  from: "github.com/yannh/kubeconform/cmd/kubeconform",
  version: "v0.7.0",
};

/** Finds a program on the PATH or in the cache, or builds it into the cache with Go, which takes minutes for Helm. */
export async function findProgram(program: GoProgram): Promise<string> {
  const { name, from, version } = program;
  const cache = join(cacheDirectory(), `${name}-${version}`);
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), cache]) {
    if (await exists(join(folder, name))) return join(folder, name);
  }
  process.stdout.write(`building ${name} ${version} with Go (once)\n`);
  await run("go", ["install", "-trimpath", "-ldflags", "-s -w", `${from}@${version}`], {
    env: { ...process.env, GOBIN: cache, GOFLAGS: "-modcacherw", CGO_ENABLED: "0" },
    maxBuffer: 2 ** 26,
  }).catch((cause: unknown) => {
    throw new Error(`${name} is not on the PATH and Go could not build it: install ${name} ${version}, or Go`, {
      cause,
    });
  });
  return join(cache, name);
}

/**
 * Builds a program of a published module with a file of ours in its package, into the cache. Takes seconds if Go has compiled the
 * module before. Rejects without Go.
 */
export async function buildWith(program: GoProgram, file: string): Promise<string> {
  const { from, version } = program;
  const module = from.replace(/(\/v\d+)\/.*$/, "$1");
  const inside = relative(module, from);
  const made = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  const built = join(cacheDirectory(), `${basename(file, ".go")}-${version}-${made.slice(0, 12)}`);
  if (await exists(built)) return built;
  const sources = await goModule(`${module}@${version}`);
  const folder = await mkdtemp(join(tmpdir(), "sagacart-go-"));
  try {
    // Files in Go's cache of modules cannot be added to.
    for (const entry of await readdir(sources, { recursive: true, withFileTypes: true })) {
      const from = join(entry.parentPath, entry.name);
      if (!entry.isFile() || entry.name.endsWith("_test.go") || from.includes("/testdata/")) continue;
      const to = join(folder, relative(sources, from));
      await mkdir(dirname(to), { recursive: true });
      await copyFile(from, to);
    }
    await copyFile(file, join(folder, inside, basename(file)));
    await mkdir(cacheDirectory(), { recursive: true });
    const unfinished = `${built}.${process.pid}`;
    const args = ["build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", unfinished, `./${inside}`];
    await run("go", args, { cwd: folder, env: { ...process.env, CGO_ENABLED: "0" }, maxBuffer: 2 ** 26 });
    // Atomic, because another process may be doing the same.
    await rename(unfinished, built);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return built;
}

/** Returns the folder of a Go module's sources (`module@version`), downloaded if missing. */
export async function goModule(module: string): Promise<string> {
  const { stdout } = await run("go", ["mod", "download", "-json", module], { maxBuffer: 2 ** 26 });
  const { Dir: directory }: { Dir?: string } = JSON.parse(stdout);
  if (directory === undefined) throw new Error(`Go returned no folder of ${module}: ${stdout}`);
  return directory;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
