import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { databaseNames } from "../shop.ts";
import { auditRole, createDatabases } from "./databases.ts";
import { type PostgresOptions, removeData, startPostgres } from "./postgres.ts";
import { sharedDirectory } from "./postgres-programs.ts";
import { elsewhere, isRunning } from "./testing.ts";

let template: string;
let directory: string;
let dataDirectory: string;
// A copy of a cluster costs a tenth of a new one.
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), "sagacart-postgres-"));
  await chmod(template, 0o755);
  await (await startPostgres({ dataDirectory: join(template, "data"), settings: { fsync: "off" } })).stop();
});
afterAll(() => rm(template, { recursive: true, force: true }));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sagacart-postgres-"));
  await chmod(directory, 0o755);
  dataDirectory = join(directory, "data");
  execFileSync("cp", ["-a", join(template, "data"), dataDirectory]);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const start = (more: Partial<PostgresOptions> = {}) =>
  startPostgres({ dataDirectory, settings: { fsync: "off" }, ...more });

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows.flat();
  } finally {
    await client.end();
  }
}

test("data are kept from one start to the next", async () => {
  const first = await start();
  await query(first.adminUrl, "create table kept as select 42 as answer");
  await first.stop();
  expect(isRunning(first.pid)).toBe(false);
  const second = await start();
  expect(await query(second.adminUrl, "select answer from kept")).toEqual([42]);
  await second.stop();
});

test("what was committed is kept when the server is killed with -9, and the next start needs no help", async () => {
  const first = await start();
  await query(first.adminUrl, "create table kept as select 42 as answer");
  process.kill(first.pid, "SIGKILL");
  expect(await first.ended).toBe("signal SIGKILL");
  const second = await start();
  expect(await query(second.adminUrl, "select answer from kept")).toEqual([42]);
  await second.stop();
});

test("a parent killed with -9 leaves no server behind", async () => {
  const parent = await elsewhere(`
    const { startPostgres } = await import(${JSON.stringify(new URL("./postgres.ts", import.meta.url).href)});
    const { pid } = await startPostgres({ dataDirectory: ${JSON.stringify(dataDirectory)} });
    tell(pid);
  `);
  const pid = Number(parent.told);
  expect(isRunning(pid)).toBe(true);
  await parent.end("SIGKILL");
  await expect.poll(() => isRunning(pid)).toBe(false);
});

test("a server that was left running is ended by the next start", async () => {
  const left = await start();
  const lines: string[] = [];
  const next = await start({ log: (line) => lines.push(line) });
  await left.ended;
  expect(lines).toEqual([`Ending the Postgres that was left running (process ${left.pid})`]);
  await next.stop();
});

test("a postmaster.pid with the number of somebody else's process keeps nothing from starting", async () => {
  await (await start()).stop();
  // Alive and of the same account as the server, as after a crash of the machine.
  const other = spawn("/bin/sleep", ["1000"], { uid: (await stat(dataDirectory)).uid });
  await writeFile(join(dataDirectory, "postmaster.pid"), `${other.pid}\n${dataDirectory}\n`);
  const next = await start();
  expect(isRunning(other.pid!)).toBe(true);
  other.kill("SIGKILL");
  await next.stop();
});

test("a temporary server's data go with it", async () => {
  const temporary = await start({ temporary: true });
  await temporary.stop();
  await expect(stat(dataDirectory)).rejects.toThrow("ENOENT");
});

test("a server that cannot start tells what its log says", async () => {
  await expect(start({ settings: { shared_buffers: "a lot" } })).rejects.toThrow(
    'invalid value for parameter "shared_buffers": "a lot"',
  );
});

test("data of another version of Postgres are refused with a sentence", async () => {
  await (await start()).stop();
  await writeFile(join(dataDirectory, "PG_VERSION"), "17\n");
  await expect(start()).rejects.toThrow("initialized by PostgreSQL version 17");
});

test("a folder that cannot be made is named", async () => {
  await writeFile(join(directory, "file"), "");
  await expect(start({ dataDirectory: join(directory, "file", "data") })).rejects.toThrow(
    `The folder ${join(directory, "file")} cannot be made`,
  );
});

test.runIf(process.getuid?.() === 0)(
  "root keeps the data below /var/lib where 0700 shuts Postgres' account out",
  async () => {
    const home = join(directory, "home");
    await mkdir(home);
    await chmod(home, 0o700);
    const server = await start({ dataDirectory: join(home, "data") });
    expect(server.dataDirectory).toMatch(`${sharedDirectory}/`);
    expect(await query(server.adminUrl, "select 1")).toEqual([1]);
    await server.stop();
    await removeData(join(home, "data"));
    await expect(stat(dirname(server.dataDirectory))).rejects.toThrow("ENOENT");
  },
);

test("each service owns its database and can enter no other; the audit reads all but identity and changes none", async () => {
  const server = await start({ temporary: true });
  const passwords = Object.fromEntries([...databaseNames, auditRole].map((name) => [name, `${name}'s secret`]));
  await createDatabases(server, passwords);
  await createDatabases(server, passwords); // as at every start
  const url = (database: string, user: string) => server.url(database, { user, password: `${user}'s secret` });
  await query(url("stock", "stock"), "create table levels as select 7 as on_hand");
  expect(await query(url("stock", "audit"), "select on_hand from levels")).toEqual([7]);
  await expect(query(url("stock", "audit"), "delete from levels")).rejects.toThrow("read-only transaction");
  const forced = "begin read write; delete from levels";
  await expect(query(url("stock", "audit"), forced)).rejects.toThrow("permission denied");
  await expect(query(url("identity", "audit"), "select 1")).rejects.toThrow("permission denied for database");
  await expect(query(url("stock", "payment"), "select 1")).rejects.toThrow("permission denied for database");
  await server.stop();
});

test("the log does not tell the password", async () => {
  const server = await start({ temporary: true });
  const { password } = new URL(server.adminUrl);
  await server.stop();
  expect(await readFile(server.logFile, "utf8")).not.toContain(password);
});
