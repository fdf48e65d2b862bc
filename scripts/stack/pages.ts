import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cloneFolder } from "../clone.ts";
import { endOf } from "./process-end.ts";
import { sourcesHash } from "./sources-hash.ts";

/**
 * Returns the folder with the built pages, and builds them when a source has changed, which takes a few seconds. A build that
 * fails is reported, and the shop starts without pages: it returns undefined.
 */
export async function buildPages(log: (line: string) => void): Promise<string | undefined> {
  const hash = await sourcesHash(sources);
  const folder = join(cloneFolder, ".sagacart", "pages", hash);
  if (existsSync(folder)) {
    // So that a build in use counts as new. Not in a clone that cannot be written.
    await utimes(folder, new Date(), new Date()).catch(() => undefined);
    return folder;
  }
  log("Building the pages, since their sources have changed");
  // Renamed into place: several shops of one clone may start at once.
  const unfinished = `${folder}.${process.pid}.new`;
  try {
    await mkdir(dirname(folder), { recursive: true });
  } catch {
    log(`The pages are not served: ${dirname(folder)} cannot be written`);
    return undefined;
  }
  const vite = join(cloneFolder, "node_modules", "vite", "bin", "vite.js");
  const build = spawn(process.execPath, [vite, "build", join(cloneFolder, "services", "web")], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "", NODE_ENV: "production", WEB_OUT_DIR: unfinished },
  });
  let said = "";
  build.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  const how = await endOf(build);
  if (how !== "exit code 0") {
    await rm(unfinished, { recursive: true, force: true });
    log(`The pages are not served: their build ended with ${how}\n${said.trim()}`);
    return undefined;
  }
  try {
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) {
      log(`The pages are not served: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
    // Another start was first.
  }
  await removeOldBuilds(dirname(folder));
  return folder;
}

/** Keeps the builds that were used last, for branches between which one changes, and unfinished ones of the last hour. */
export async function removeOldBuilds(folder: string, keep = 3): Promise<void> {
  const names = await readdir(folder);
  const builds = await Promise.all(
    // One that another start has removed meanwhile is old.
    names.map(async (name) => ({
      name,
      usedAtMs: await stat(join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    })),
  );
  const isUnfinished = ({ name }: { name: string }) => name.endsWith(".new");
  const finished = builds.filter((build) => !isUnfinished(build)).sort((a, b) => b.usedAtMs - a.usedAtMs);
  const abandoned = builds.filter((build) => isUnfinished(build) && build.usedAtMs < Date.now() - 3_600_000);
  await Promise.all(
    [...finished.slice(keep), ...abandoned].map(({ name }) => rm(join(folder, name), { recursive: true, force: true })),
  );
}

const sources = [
  "services/web/{src,build,public}/**/*",
  "services/web/{index.html,vite.config.ts,package.json}",
  "proto/gen/**/*.ts",
  "package-lock.json",
];
