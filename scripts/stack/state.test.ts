import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
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

test("reports a state folder that cannot be written", async () => {
  await writeFile(join(directory, "file"), "");
  const place = join(directory, "file", "state");
  await expect(lockState(place)).rejects.toThrow(`The state folder ${place} cannot be written: ENOTDIR`);
});

test("generates passwords once, readable only by their owner", async () => {
  const first = await readSecrets(directory);
  expect(await readSecrets(directory)).toEqual(first);
  expect((await stat(join(directory, "secrets.json"))).mode & 0o777).toBe(0o600);
  expect(new Set(Object.values(first.passwords)).size).toBe(13);
});
