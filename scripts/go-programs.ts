import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "./stack/postgres-programs.ts";

const run = promisify(execFile);

/** A program that Go builds from a published module, at one version. */
export type GoProgram = { readonly name: string; readonly from: string; readonly version: string };

/** The oldest Helm that the charts are for; a newer one on the PATH is taken as it is. */
export const helm: GoProgram = { name: "helm", from: "helm.sh/helm/v3/cmd/helm", version: "v3.18.6" };

export const kubeconform: GoProgram = {
  name: "kubeconform",
  from: "github.com/yannh/kubeconform/cmd/kubeconform",
  version: "v0.7.0",
};

/** The path of a program: on the PATH, in the cache, or built into the cache with Go (once, minutes for Helm). */
export async function findProgram(program: GoProgram): Promise<string> {
  const { name, from, version } = program;
  const cache = join(cacheDirectory(), `${name}-${version}`);
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), cache]) {
    if (await exists(join(folder, name))) return join(folder, name);
  }
  process.stdout.write(`building ${name} ${version} with Go, once\n`);
  await run("go", ["install", "-trimpath", "-ldflags", "-s -w", `${from}@${version}`], {
    env: { ...process.env, GOBIN: cache, GOFLAGS: "-modcacherw", CGO_ENABLED: "0" },
    maxBuffer: 2 ** 26,
  }).catch((cause: unknown) => {
    throw new Error(`${name} is neither on the PATH nor could Go build it: install ${name} ${version}, or Go`, {
      cause,
    });
  });
  return join(cache, name);
}

/** The folder of a Go module's sources, `module@version`, downloaded when it is not there yet. */
export async function goModule(module: string): Promise<string> {
  const { stdout } = await run("go", ["mod", "download", "-json", module], { maxBuffer: 2 ** 26 });
  const { Dir: directory }: { Dir?: string } = JSON.parse(stdout);
  if (directory === undefined) throw new Error(`Go says no folder of ${module}: ${stdout}`);
  return directory;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
