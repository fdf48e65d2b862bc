import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holdState, readSecrets, removeShopFile, runningShop, type ShopFile, writeShopFile } from "./state.ts";
import { elsewhere } from "./testing.ts";

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

test("a second shop of the same clone is refused, and told where the first is", async () => {
  const held = await holdState(directory);
  await writeShopFile(shop());
  await expect(holdState(directory)).rejects.toThrow(
    "The shop of this clone runs already: process 4711, http://127.0.0.1:8080. Stop it first (Ctrl-C in its terminal).",
  );
  held.release();
  (await holdState(directory)).release();
});

test("a shop that runs is found, one that was killed is not", async () => {
  const held = await holdState(directory);
  await writeShopFile(shop());
  expect(await runningShop(directory)).toEqual(shop());
  held.release(); // as the kernel does for a process that was killed: shop.json is still there
  expect(await runningShop(directory)).toBeUndefined();
});

test("a shop that was stopped is not found", async () => {
  const held = await holdState(directory);
  await writeShopFile(shop());
  await removeShopFile(directory);
  expect(await runningShop(directory)).toBeUndefined();
  held.release();
});

test("the state folder is free again when its holder is killed with -9", async () => {
  const holder = await elsewhere(`
    const { holdState } = await import(${JSON.stringify(new URL("./state.ts", import.meta.url).href)});
    await holdState(${JSON.stringify(directory)});
    tell("held");
  `);
  await expect(holdState(directory)).rejects.toThrow("Another process is starting or emptying the shop");
  await holder.end("SIGKILL");
  (await holdState(directory)).release();
});

test("a state folder that cannot be written is named", async () => {
  await writeFile(join(directory, "file"), "");
  const place = join(directory, "file", "state");
  await expect(holdState(place)).rejects.toThrow(`The state folder ${place} cannot be written: ENOTDIR`);
});

test("passwords are made once, and only their owner can read them", async () => {
  const first = await readSecrets(directory);
  expect(await readSecrets(directory)).toEqual(first);
  expect((await stat(join(directory, "secrets.json"))).mode & 0o777).toBe(0o600);
  expect(new Set(Object.values(first.passwords)).size).toBe(7);
});
