import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
};

export type StateLock = { release(): void };

/**
 * Locks the state folder for this process, and creates it if missing. Throws a StartError if another process holds it or
 * it cannot be written. It is SQLite's file lock, which the kernel releases however its holder ends; a pid file stays.
 */
export async function lockState(stateDirectory: string): Promise<StateLock> {
  try {
    await mkdir(join(stateDirectory, "logs"), { recursive: true });
    // Postgres' account must be able to enter. Files with secrets have modes of their own.
    await chmod(stateDirectory, 0o755);
    await writeFile(join(stateDirectory, ".writable"), "x".repeat(4096));
    await rm(join(stateDirectory, ".writable"));
  } catch (cause) {
    throw new StartError(`The state folder ${stateDirectory} cannot be written: ${messageOf(cause)}.`, { cause });
  }
  const lock = tryLock(stateDirectory);
  if (lock !== undefined) return { release: () => lock.close() };
  const shop = await readShopFile(stateDirectory);
  throw new StartError(
    shop === undefined
      ? `Another process is starting or emptying the shop in ${stateDirectory}. Wait for it to end.`
      : `The shop of this clone is already running: process ${shop.pid}, http://${shop.addresses.gateway}. ` +
          "Stop it first (Ctrl-C in its terminal).",
  );
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
  const kept: unknown = JSON.parse(await readFile(file, "utf8").catch(() => "{}"));
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
