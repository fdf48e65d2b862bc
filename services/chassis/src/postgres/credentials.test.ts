import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { databaseEnv, readEnv } from "../process/config.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { migrate } from "./migrate.ts";
import { createPool, type Pool } from "./pool.ts";
import { createWake } from "./wake.ts";

let database: TestDatabase;
let directory: string;
let file: string;
let role: string;

beforeEach(async () => {
  database = await testDatabase();
  role = `rotated_${new URL(database.url).pathname.slice(1)}`;
  directory = mkdtempSync(join(tmpdir(), "sagacart-credentials-"));
  file = join(directory, "url");
  await database.pool.query(`create role ${role} login`);
  await setPassword("first");
  writeFileSync(file, urlWith("first"));
});

afterEach(async () => {
  await database.pool.query(`drop owned by ${role}; drop role ${role}`);
  await database[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** Changes the password at the server, as CloudNativePG does. */
async function setPassword(password: string): Promise<void> {
  await database.pool.query(`alter role ${role} with password '${password}'`);
}

function urlWith(password: string): string {
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  return url.href;
}

/** Reads the URL as a service does whose Secret is mounted. */
function configuredUrl(): string {
  return readEnv(databaseEnv(), { DATABASE_URL_FILE: file }).DATABASE_URL;
}

function poolOf(url: string): Pool {
  return createPool({ url, size: 4, applicationName: "rotated", log: silentLog });
}

/** Opens so many new connections at once, beside those that are open, and returns how many there are. */
async function openNew(pool: Pool, count: number): Promise<number> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) {
    client.release(true);
  }
  return clients.length;
}

test("new connections are never refused while the password is changed, first in the file and then at the server", async () => {
  const pool = poolOf(configuredUrl());
  expect(await openNew(pool, 4)).toBe(4);

  writeFileSync(file, urlWith("second"));
  expect(await openNew(pool, 4)).toBe(4);
  await setPassword("second");
  expect(await openNew(pool, 4)).toBe(4);

  // And once more: the password before is always the last one that worked.
  writeFileSync(file, urlWith("third"));
  expect(await openNew(pool, 4)).toBe(4);
  await setPassword("third");
  expect(await openNew(pool, 4)).toBe(4);
  expect((await pool.query("select current_user as name")).rows).toEqual([{ name: role }]);
  await pool.end();
});

test("a pool whose file follows the server later keeps its open connections, and opens new ones then", async () => {
  const pool = poolOf(configuredUrl());
  const held = await pool.connect();

  await setPassword("second");
  await expect(pool.connect()).rejects.toThrow("password authentication failed");
  expect((await held.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  writeFileSync(file, urlWith("second"));

  expect(await openNew(pool, 3)).toBe(3);
  held.release();
  await pool.end();
});

test("a password that neither file nor server know is refused, and a URL that is no file's is not read again", async () => {
  const pool = poolOf(configuredUrl());
  const plain = poolOf(urlWith("first"));
  await setPassword("of somebody else");
  writeFileSync(file, urlWith("second"));

  await expect(pool.connect()).rejects.toThrow("password authentication failed");
  await expect(plain.connect()).rejects.toThrow("password authentication failed");
  await Promise.all([pool.end(), plain.end()]);
});

test("a file that is missing or half written for a moment changes nothing", async () => {
  const pool = poolOf(configuredUrl());
  writeFileSync(file, "postgres://");
  expect(await openNew(pool, 1)).toBe(1);
  rmSync(file);
  expect(await openNew(pool, 1)).toBe(1);
  await pool.end();
});

test("wake-ups and migrations follow the password of the file, too", async () => {
  const url = configuredUrl();
  writeFileSync(file, urlWith("second"));
  const heard = Promise.withResolvers<void>();

  await using wake = createWake({ url, channel: "rotated", log: silentLog });
  wake.subscribe(() => heard.resolve());
  await setPassword("second");
  await heard.promise;
  await database.pool.query(`grant create on schema public to ${role}`);

  expect(await migrate({ url, directory, log: silentLog })).toEqual([]);
});
