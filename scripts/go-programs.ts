import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
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
