import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
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
  if (existsSync(folder)) return folder;
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
  } catch {
    // Another start was first.
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

const sources = [
  "services/web/{src,build,public}/**/*",
  "services/web/{index.html,vite.config.ts,package.json}",
  "proto/gen/**/*.ts",
  "package-lock.json",
];
