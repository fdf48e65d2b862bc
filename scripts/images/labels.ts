import { readFile } from "node:fs/promises";
import { output } from "../program.ts";

/** Returns build arguments for the labels: version, revision, and the time (SOURCE_DATE_EPOCH or the last commit). */
export async function labelArguments(tag: string | undefined): Promise<{ version: string; buildArguments: string[] }> {
  const manifest: { version: string } = JSON.parse(await readFile("package.json", "utf8"));
  const version = tag ?? manifest.version;
  const git = (...args: string[]) => output("git", args).catch(() => "");
  const revision = (await git("rev-parse", "HEAD")) || "unknown";
  const changed = (await git("status", "--porcelain", "--untracked-files=no")) !== "";
  const epoch = process.env.SOURCE_DATE_EPOCH ?? ((await git("log", "-1", "--format=%ct")) || "315532800");
  const labels = {
    VERSION: version,
    REVISION: changed ? `${revision}-changed` : revision,
    CREATED: new Date(Number(epoch) * 1000).toISOString(),
    // BuildKit sets the time of the image and its files to this.
    SOURCE_DATE_EPOCH: epoch,
  };
  return {
    version,
    buildArguments: Object.entries(labels).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
  };
}
