import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "../../scripts/stack/postgres-programs.ts";

const run = promisify(execFile);

/**
 * Returns the path of Prometheus' promtool: PROMTOOL, from the PATH, or from Debian's package `prometheus`, which is
 * downloaded and unpacked into the cache, not installed, so that no server is started. Neither npm nor `go install` has
 * promtool. Returns undefined where there is none and APT cannot get one.
 */
export async function findPromtool(): Promise<string | undefined> {
  const { PROMTOOL, PATH = "" } = process.env;
  if (PROMTOOL) return PROMTOOL;
  const cache = join(cacheDirectory(), "promtool");
  const unpacked = join(cache, "usr", "bin", "promtool");
  const candidates = [
    ...PATH.split(delimiter)
      .filter(Boolean)
      .map((folder) => join(folder, "promtool")),
    unpacked,
  ];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  return (await unpackInto(cache)) ? unpacked : undefined;
}

async function unpackInto(cache: string): Promise<boolean> {
  await mkdir(dirname(cache), { recursive: true });
  const folder = await mkdtemp(`${cache}-`);
  try {
    process.stdout.write("downloading promtool, from Debian's package prometheus (once)\n");
    await run("apt-get", ["download", "--quiet", "prometheus"], { cwd: folder });
    const [file] = await readdir(folder);
    if (file === undefined) return false;
    await run("dpkg-deb", ["--extract", file, "unpacked"], { cwd: folder });
    await rm(cache, { recursive: true, force: true });
    // Renamed into place, so that nobody finds half of it.
    await rename(join(folder, "unpacked"), cache);
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true });
  }
}
