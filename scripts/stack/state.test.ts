import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runToEnd } from "../program.ts";
import { lockState, readSecrets, removeShopFile, runningShop, type ShopFile, writeShopFile } from "./state.ts";
import { runInProcess } from "./testing.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sagacart-state-"));
});
afterEach(() => rm(directory, { recursive: true }));

const shop = (): ShopFile => ({
  pid: 4711,
  stateDirectory: directory,
  addresses: { gateway: "127.0.0.1:8080" },
  temporal: { address: "127.0.0.1:7233", namespace: "default" },
  pids: {},
  databaseUrls: {},
  auditUrls: {},
  auditEnv: {},
});

test("refuses a second shop in the same clone and names the first", async () => {
  const lock = await lockState(directory);
  await writeShopFile(shop());
  await expect(lockState(directory)).rejects.toThrow(
    "The shop of this clone is already running: process 4711, http://127.0.0.1:8080. Stop it first (Ctrl-C in its terminal).",
  );
  lock.release();
  (await lockState(directory)).release();
});

test("finds a running shop, and not one that was killed", async () => {
  const lock = await lockState(directory);
  await writeShopFile(shop());
  expect(await runningShop(directory)).toEqual(shop());
  lock.release(); // as the kernel does for a killed process; shop.json stays
  expect(await runningShop(directory)).toBeUndefined();
});

test("does not find a stopped shop", async () => {
  const lock = await lockState(directory);
  await writeShopFile(shop());
  await removeShopFile(directory);
  expect(await runningShop(directory)).toBeUndefined();
  lock.release();
});

test("killing the holder with SIGKILL releases the state folder", async () => {
  const holder = await runInProcess(`
    const { lockState } = await import(${JSON.stringify(new URL("./state.ts", import.meta.url).href)});
    await lockState(${JSON.stringify(directory)});
    report("held");
  `);
  await expect(lockState(directory)).rejects.toThrow("Another process is starting or emptying the shop");
  await holder.end("SIGKILL");
  (await lockState(directory)).release();
});

/** Folders that cannot hold a state, each with what the error says of it. */
const impossible: readonly (readonly [what: string, make: () => Promise<string>, says: RegExp])[] = [
  ["in /proc", async () => `/proc/sagacart-${process.pid}`, /ENOENT/],
  ["in /sys, deeper", async () => `/sys/sagacart-${process.pid}/deeper/still`, /EPERM|EACCES|EROFS/],
  ["a file", () => made("file", (path) => writeFile(path, "")), /ENOTDIR/],
  ["below a file", async () => join(await made("file", (path) => writeFile(path, "")), "state"), /ENOTDIR/],
  ["a FIFO", () => made("fifo", makeFifo), /ENOTDIR/],
  ["a device", async () => "/dev/null", /ENOTDIR/],
  ["a link to nothing", () => made("link", (path) => symlink(join(directory, "nothing"), path)), /ENOENT/],
  ["a link to itself", () => made("loop", (path) => symlink(path, path)), /ELOOP/],
  ["a name that is too long", async () => join(directory, "x".repeat(300)), /ENAMETOOLONG/],
  ["a folder whose logs are a file", () => made("state", (path) => holding(path, "logs")), /ENOTDIR/],
  ["a folder whose lock is a folder", () => made("state", (path) => mkdir(join(path, "lock.db"), deep)), /not a file/],
  ["a folder whose secrets are a FIFO", () => made("state", fifoIn("secrets.json")), /not a file/],
];
const deep = { recursive: true } as const;

async function made(name: string, make: (path: string) => Promise<unknown>): Promise<string> {
  const path = join(directory, name);
  await make(path);
  return path;
}

async function holding(folder: string, name: string): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, name), "");
}

async function makeFifo(path: string): Promise<void> {
  await promisify(execFile)("mkfifo", [path]);
}

function fifoIn(name: string) {
  return async (folder: string) => {
    await mkdir(folder);
    await makeFifo(join(folder, name));
  };
}

test.each(impossible)("npm start in %s says so in one sentence, and ends with 1", async (_, make, says) => {
  const place = await make();
  const start = fileURLToPath(new URL("../start.ts", import.meta.url));
  const env = { ...process.env, SAGACART_STATE_DIRECTORY: place };
  const { code, stderr } = await runToEnd(process.execPath, [start], { env, timeoutMs: 60_000 });

  expect(code).toBe(1);
  expect(stderr.trim().split("\n")).toEqual([expect.stringMatching(/^The state folder .* cannot be written: /)]);
  expect(stderr).toContain(place);
  expect(stderr).toMatch(says);
  expect(stderr).toContain("Name another folder with SAGACART_STATE_DIRECTORY.");
});

test("a folder of others keeps its mode but for the rights to enter", async () => {
  await chmod(directory, 0o1700);
  (await lockState(directory)).release();
  expect((await stat(directory)).mode & 0o7777).toBe(0o1755);
});

test("passwords that cannot be read are not replaced", async () => {
  await writeFile(join(directory, "secrets.json"), "{ half");
  await expect(readSecrets(directory)).rejects.toThrow(`The passwords in ${join(directory, "secrets.json")} cannot be`);
  expect(await readFile(join(directory, "secrets.json"), "utf8")).toBe("{ half");
});

test("npm run reset deletes what the shop keeps, and nothing else", async () => {
  (await lockState(directory)).release();
  await readSecrets(directory);
  await writeFile(join(directory, "letter.txt"), "dear");
  const reset = fileURLToPath(new URL("../reset.ts", import.meta.url));
  const env = { ...process.env, SAGACART_STATE_DIRECTORY: directory };
  const { code, stdout } = await runToEnd(process.execPath, [reset], { env, timeoutMs: 60_000 });

  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `Deleted the shop in ${directory}; other files stay\n`,
  });
  expect(await readdir(directory)).toEqual(["letter.txt"]);
});

test("generates passwords once, readable only by their owner", async () => {
  const first = await readSecrets(directory);
  expect(await readSecrets(directory)).toEqual(first);
  expect((await stat(join(directory, "secrets.json"))).mode & 0o777).toBe(0o600);
  expect(new Set(Object.values(first.passwords)).size).toBe(13);
});
