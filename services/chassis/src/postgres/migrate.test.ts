import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { proxyUrl } from "../testing/proxy.ts";
import { migrate } from "./migrate.ts";

let directory: string;
let database: TestDatabase;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "migrations-"));
  database = await testDatabase();
});

afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("migrations run in order, and once", async () => {
  await file("0002_second.sql", "insert into words values ('second');");
  await file("0001_first.sql", "create table words (word text); insert into words values ('first');");

  const first = await migrate({ url: database.url, directory });
  const again = await migrate({ url: database.url, directory: pathToFileURL(`${directory}/`) });

  expect(first).toEqual(["0001_first.sql", "0002_second.sql"]);
  expect(again).toEqual([]);
  expect(await words()).toEqual(["first", "second"]);
});

test("it waits for a database that does not exist yet", async () => {
  await file("0001_first.sql", "create table words (word text);");
  const { proxy, url } = await proxyUrl(database.url);
  await using _ = proxy;
  await proxy.cut();

  const waiting = migrate({ url, directory, waitMs: 60_000, log: { ...silentLog, warn: () => void proxy.mend() } });

  expect(await waiting).toEqual(["0001_first.sql"]);
});

test("twenty that start at once run each migration once", async () => {
  await file("0001_first.sql", "create table words (word text);");
  await file("0002_second.sql", "insert into words values ('second'); select pg_sleep(0.05);");

  const runs = await Promise.all(Array.from({ length: 20 }, () => migrate({ url: database.url, directory })));

  expect(runs.flat().sort()).toEqual(["0001_first.sql", "0002_second.sql"]);
  expect(await words()).toEqual(["second"]);
});

test("a migration that fails leaves nothing behind, and runs once it is fixed", async () => {
  await file("0001_first.sql", "create table words (word text); insert into nowhere values (1);");

  await expect(migrate({ url: database.url, directory })).rejects.toThrow(
    'migration 0001_first.sql failed, and nothing of it was done: relation "nowhere" does not exist',
  );
  await file("0001_first.sql", "create table words (word text);");

  expect(await migrate({ url: database.url, directory })).toEqual(["0001_first.sql"]);
});

test("a file that was changed after it ran is refused", async () => {
  await file("0001_first.sql", "create table words (word text);");
  await migrate({ url: database.url, directory });
  await file("0001_first.sql", "create table words (word text not null);");

  await expect(migrate({ url: database.url, directory })).rejects.toThrow(
    "migration 0001_first.sql failed, and nothing of it was done: the file was changed after it ran; restore it, " +
      "and write a new migration for the change",
  );
});

test("other line endings are not a change", async () => {
  await file("0001_first.sql", "create table words (\n  word text\n);\n");
  await migrate({ url: database.url, directory });
  await file("0001_first.sql", "create table words (\r\n  word text\r\n);\r\n");

  expect(await migrate({ url: database.url, directory })).toEqual([]);
});

test("a new migration with a number below one that ran is refused", async () => {
  await file("0002_second.sql", "create table words (word text);");
  await migrate({ url: database.url, directory });
  await file("0001_first.sql", "select 1;");

  await expect(migrate({ url: database.url, directory })).rejects.toThrow(
    "migration 0001_first.sql failed, and nothing of it was done: 0002_second.sql ran already; give it a number after the last",
  );
});

test("a migration that ran and lost its file is refused", async () => {
  await file("0001_first.sql", "create table words (word text);");
  await file("0002_second.sql", "select 1;");
  await migrate({ url: database.url, directory });
  await rm(join(directory, "0001_first.sql"));

  await expect(migrate({ url: database.url, directory })).rejects.toThrow(
    "migration 0001_first.sql ran in this database, and its file is gone; restore it",
  );
});

test("migrations of a newer version are ignored", async () => {
  await file("0001_first.sql", "create table words (word text);");
  await file("0002_second.sql", "select 1;");
  await migrate({ url: database.url, directory });
  await rm(join(directory, "0002_second.sql"));

  expect(await migrate({ url: database.url, directory })).toEqual([]);
});

test.each([
  ["1_first.sql", "1_first.sql is not a migration's name; it must be like 0001_orders.sql"],
  ["0001-first.sql", "0001-first.sql is not a migration's name; it must be like 0001_orders.sql"],
])("the name %s is refused", async (name, message) => {
  await file(name, "select 1;");

  await expect(migrate({ url: database.url, directory })).rejects.toThrow(message);
});

test("two files with one number are refused", async () => {
  await file("0001_first.sql", "select 1;");
  await file("0001_other.sql", "select 1;");

  await expect(migrate({ url: database.url, directory })).rejects.toThrow(
    "0001_first.sql and 0001_other.sql have the same number",
  );
});

async function file(name: string, sql: string): Promise<void> {
  await writeFile(join(directory, name), sql);
}

async function words(): Promise<string[]> {
  const { rows } = await database.pool.query<{ word: string }>("select word from words");
  return rows.map(({ word }) => word);
}
