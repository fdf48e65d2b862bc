import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { migrate } from "@sagacart/chassis/postgres/migrate";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { databaseNames } from "../shop.ts";
import { auditRole, createDatabases, servingRole } from "./databases.ts";
import { type PostgresOptions, removeData, startPostgres } from "./postgres.ts";
import { sharedDirectory } from "./postgres-programs.ts";
import { isRunning, runInProcess } from "./testing.ts";

let template: string;
let directory: string;
let dataDirectory: string;
// Copying a cluster takes a tenth of the time of creating one.
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

test("keeps the data across restarts", async () => {
  const first = await start();
  await query(first.adminUrl, "create table kept as select 42 as answer");
  await first.stop();
  expect(isRunning(first.pid)).toBe(false);
  const second = await start();
  expect(await query(second.adminUrl, "select answer from kept")).toEqual([42]);
  await second.stop();
});

test("keeps committed data when the server is killed with SIGKILL, and starts again", async () => {
  const first = await start();
  await query(first.adminUrl, "create table kept as select 42 as answer");
  process.kill(first.pid, "SIGKILL");
  expect(await first.ended).toBe("signal SIGKILL");
  const second = await start();
  expect(await query(second.adminUrl, "select answer from kept")).toEqual([42]);
  await second.stop();
});

test("no server is left behind when its parent is killed with SIGKILL", async () => {
  const parent = await runInProcess(`
    const { startPostgres } = await import(${JSON.stringify(new URL("./postgres.ts", import.meta.url).href)});
    const { pid } = await startPostgres({ dataDirectory: ${JSON.stringify(dataDirectory)} });
    report(pid);
  `);
  const pid = Number(parent.output);
  expect(isRunning(pid)).toBe(true);
  await parent.end("SIGKILL");
  await expect.poll(() => isRunning(pid)).toBe(false);
});

test("a start ends a leftover server", async () => {
  const left = await start();
  const lines: string[] = [];
  const next = await start({ log: (line) => lines.push(line) });
  await left.ended;
  expect(lines).toEqual([`Ending a leftover Postgres (process ${left.pid})`]);
  await next.stop();
});

test("starts despite a postmaster.pid with the id of another process", async () => {
  await (await start()).stop();
  // A live process of the server's account, as possible after a machine crash.
  const other = spawn("/bin/sleep", ["1000"], { uid: (await stat(dataDirectory)).uid });
  await writeFile(join(dataDirectory, "postmaster.pid"), `${other.pid}\n${dataDirectory}\n`);
  const next = await start();
  expect(isRunning(other.pid!)).toBe(true);
  other.kill("SIGKILL");
  await next.stop();
});

test("a temporary server deletes its data", async () => {
  const temporary = await start({ temporary: true });
  await temporary.stop();
  await expect(stat(dataDirectory)).rejects.toThrow("ENOENT");
});

test("a failed start reports the lines of the server's log", async () => {
  await expect(start({ settings: { shared_buffers: "a lot" } })).rejects.toThrow(
    'invalid value for parameter "shared_buffers": "a lot"',
  );
});

test("refuses data of another version of Postgres", async () => {
  await (await start()).stop();
  await writeFile(join(dataDirectory, "PG_VERSION"), "17\n");
  await expect(start()).rejects.toThrow("initialized by PostgreSQL version 17");
});

test("reports a folder that cannot be created", async () => {
  await writeFile(join(directory, "file"), "");
  await expect(start({ dataDirectory: join(directory, "file", "data") })).rejects.toThrow(
    `The folder ${join(directory, "file")} cannot be created`,
  );
});

test.runIf(process.getuid?.() === 0)(
  "as root, keeps the data below /var/lib if mode 0700 locks out Postgres' account",
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

test("each service can use only its own database; the audit can read all but identity and change none", async () => {
  const server = await start({ temporary: true });
  const roles = [...databaseNames, ...databaseNames.map(servingRole), auditRole];
  const passwords = Object.fromEntries(roles.map((name) => [name, `${name}'s secret`]));
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

test("each service serves with a role that can use only its own database, and cannot become the owner", async () => {
  const server = await start({ temporary: true });
  const roles = [...databaseNames, ...databaseNames.map(servingRole), auditRole];
  await createDatabases(server, Object.fromEntries(roles.map((name) => [name, `${name}'s secret`])));
  const url = (database: string, user: string) => server.url(database, { user, password: `${user}'s secret` });

  await Promise.all(
    databaseNames.map((name) =>
      migrate({
        url: url(name, name),
        servingUrl: url(name, servingRole(name)),
        directory: join(cloneFolder, "services", name, "migrations"),
      }),
    ),
  );
  for (const name of databaseNames) {
    const serving = servingRole(name);
    expect(await query(url(name, serving), "select current_user")).toEqual([serving]);
    for (const other of ["postgres", "template1", ...databaseNames.filter((other) => other !== name)]) {
      await expect(query(url(other, serving), "select 1"), `${serving} in ${other}`).rejects.toThrow(
        "permission denied for database",
      );
    }
    await expect(query(url(name, serving), `set role "${name}"`)).rejects.toThrow("permission denied to set role");
  }
  await server.stop();
});

test("the log does not contain the password", async () => {
  const server = await start({ temporary: true });
  const { password } = new URL(server.adminUrl);
  await server.stop();
  expect(await readFile(server.logFile, "utf8")).not.toContain(password);
});
