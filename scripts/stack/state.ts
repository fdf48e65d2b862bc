import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { cloneFolder } from "../clone.ts";
import { makeSecrets, type Secrets } from "./services.ts";
import { messageOf, StartError } from "./start-error.ts";

/** Returns the state folder: SAGACART_STATE_DIRECTORY, or .sagacart in this clone. */
export function usualStateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return env.SAGACART_STATE_DIRECTORY || join(cloneFolder, ".sagacart");
}

/** The content of <state>/shop.json while the shop runs: how to reach it. */
export type ShopFile = {
  /** The process that started it and stops it. */
  readonly pid: number;
  readonly stateDirectory: string;
  /** `host:port` by name: services, gateway, simulated providers, mailbox, Postgres and Temporal. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly pids: Readonly<Record<string, number>>;
  /** The owner's connection string of each database. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  /** Read-only connection strings of the same databases. */
  readonly auditUrls: Readonly<Record<string, string>>;
  /** The variables with which the audit records its verdicts. */
  readonly auditEnv: Readonly<Record<string, string>>;
};

export type StateLock = { release(): void };

/**
 * Locks the state folder for this process, and creates it if missing. Throws a StartError if another process holds it or
 * it cannot be written. It is SQLite's file lock, which the kernel releases however its holder ends; a pid file stays.
 */
export async function lockState(stateDirectory: string): Promise<StateLock> {
  let lock: DatabaseSync | undefined;
  try {
    await makeFolder(join(stateDirectory, "logs"));
    await letOthersEnter(stateDirectory);
    const probe = join(stateDirectory, "logs", ".writable");
    await writeFile(probe, "x".repeat(4096));
    await rm(probe);
    await Promise.all(["lock.db", "secrets.json", "shop.json"].map((name) => refuseOthers(join(stateDirectory, name))));
    lock = tryLock(stateDirectory);
  } catch (cause) {
    const help = "Name another folder with SAGACART_STATE_DIRECTORY";
    throw new StartError(`The state folder ${stateDirectory} cannot be written: ${messageOf(cause)}. ${help}.`, {
      cause,
    });
  }
  if (lock !== undefined) return { release: () => lock.close() };
  const shop = await readShopFile(stateDirectory);
  throw new StartError(
    shop === undefined
      ? `Another process is starting or emptying the shop in ${stateDirectory}. Wait for it to end.`
      : `The shop of this clone is already running: process ${shop.pid}, http://${shop.addresses.gateway}. ` +
          "Stop it first (Ctrl-C in its terminal).",
  );
}

/** Makes a folder and its parents. Node's own recursive mkdir never ends in /proc, which says of any new folder ENOENT. */
async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  let nearest = folder;
  while (!(await isThere(nearest))) {
    missing.unshift(nearest);
    nearest = dirname(nearest);
  }
  for (const one of missing) {
    await mkdir(one).catch((error: unknown) => {
      // Another process may be making it as well.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/** Throws if the path is something other than a file: opening a FIFO waits for its other end. */
async function refuseOthers(path: string): Promise<void> {
  if ((await isThere(path)) && !(await stat(path)).isFile()) throw new Error(`${path} is not a file`);
}

/** Lets Postgres' account enter the folder. Files with secrets have modes of their own. */
async function letOthersEnter(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  // Bits are only added: the folder may be one such as /tmp, which others use too.
  if ((mode & 0o055) !== 0o055) await chmod(folder, (mode & 0o7777) | 0o055);
}

/** Returns the shop that runs in this state folder, if any. Ignores a shop.json that a crash left behind. */
export async function runningShop(stateDirectory = usualStateDirectory()): Promise<ShopFile | undefined> {
  const shop = await readShopFile(stateDirectory);
  if (shop === undefined) return undefined;
  const lock = tryLock(stateDirectory);
  lock?.close();
  return lock === undefined ? shop : undefined;
}

export async function writeShopFile(shop: ShopFile): Promise<void> {
  await writePrivate(join(shop.stateDirectory, "shop.json"), shop);
}

export async function removeShopFile(stateDirectory: string): Promise<void> {
  await rm(join(stateDirectory, "shop.json"), { force: true });
}

/** Reads the passwords and keys of this state folder, and generates missing ones. */
export async function readSecrets(stateDirectory: string): Promise<Secrets> {
  const file = join(stateDirectory, "secrets.json");
  const kept = await keptSecrets(file);
  const made = makeSecrets();
  const secrets = {
    ...made,
    ...(typeof kept === "object" ? kept : {}),
    passwords: { ...made.passwords, ...objectIn(kept, "passwords") },
    serviceClients: { ...made.serviceClients, ...objectIn(kept, "serviceClients") },
  };
  await writePrivate(file, secrets);
  return secrets;
}

/** Reads the file; none is the same as an empty one. Throws a StartError if it is there and cannot be read. */
async function keptSecrets(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return {};
    const help =
      "With others the databases of this folder cannot be opened: bring it back, or empty the shop with npm run reset";
    throw new StartError(`The passwords in ${file} cannot be read: ${messageOf(cause)}. ${help}.`, { cause });
  }
}

function objectIn(kept: unknown, name: string): object {
  const value: unknown = typeof kept === "object" && kept !== null ? Reflect.get(kept, name) : undefined;
  return typeof value === "object" && value !== null ? value : {};
}

function tryLock(stateDirectory: string): DatabaseSync | undefined {
  const database = new DatabaseSync(join(stateDirectory, "lock.db"));
  try {
    database.exec("begin exclusive");
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && "errcode" in error && error.errcode === sqliteBusy) return undefined;
    throw error;
  }
}

const sqliteBusy = 5;

async function readShopFile(stateDirectory: string): Promise<ShopFile | undefined> {
  const text = await readFile(join(stateDirectory, "shop.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

// Renames into place, so that readers never see an incomplete file.
async function writePrivate(file: string, content: unknown): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
