import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { migrate } from "./migrate.ts";

// Here the owner is no superuser, as in a shop.
let directory: string;
let database: TestDatabase;
let admin: pg.Client;
const owner = { role: "", url: "" };
const serving = { role: "", url: "" };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "migrations-"));
  database = await testDatabase();
  admin = new pg.Client({ connectionString: database.ownerUrl });
  await admin.connect();
  const suffix = randomBytes(6).toString("hex");
  for (const [one, role] of [
    [owner, `owner_${suffix}`],
    // A name that must be quoted, as `order` must be.
    [serving, `Serving-${suffix}`],
  ] as const) {
    one.role = role;
    const url = new URL(database.ownerUrl);
    url.username = encodeURIComponent(role);
    url.password = "secret";
    one.url = url.href;
  }
  await admin.query(`create role ${owner.role} login password 'secret'`);
  await createServing();
  const { rows } = await admin.query("select current_database() as name");
  await admin.query(`alter database ${rows[0].name} owner to ${owner.role}`);
  // As on a server of one's own, where not everybody may connect.
  await admin.query(`revoke connect on database ${rows[0].name} from public`);
  await file("0001_words.sql", "create table words (id bigint generated always as identity, word text)");
});

afterEach(async () => {
  for (const role of [serving.role, owner.role]) {
    await admin.query(`
      do $$ begin
        if exists (select from pg_roles where rolname = '${role}') then
          reassign owned by "${role}" to current_user; drop owned by "${role}"; drop role "${role}";
        end if;
      end $$`);
  }
  await admin.end();
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("the role may change rows of tables of this migration and of later ones", async () => {
  await run();
  await as(serving.url, "insert into words (word) values ('one'); update words set word = 'two'; delete from words");

  await file("0002_more.sql", "create table more (id int primary key); create sequence numbers");
  await run();

  await as(serving.url, "insert into more values (nextval('numbers'))");
  expect(await as(serving.url, "select id from more")).toEqual([{ id: 1 }]);
});

test("a table of a migration that does not know the role has the same rights from the start", async () => {
  await run();

  await file("0002_more.sql", "create table more (id int primary key)");
  // A version before this one, after a rollback.
  await migrate({ url: owner.url, directory });

  expect(await as(serving.url, "select from more")).toEqual([]);
});

test("rights on tables that were migrated without the role are given", async () => {
  await migrate({ url: owner.url, directory });
  await expect(as(serving.url, "select 1")).rejects.toThrow("permission denied for database");

  await run();

  expect(await as(serving.url, "select from words")).toEqual([]);
});

test("rights that the role has besides are taken away", async () => {
  await run();
  await as(
    owner.url,
    `grant all on words to "${serving.role}"; grant all on schema_migrations to "${serving.role}";
     grant create on schema public to "${serving.role}"; grant all on schema_version to "${serving.role}"`,
  );

  await run();

  const refusals = ["truncate words", "select from schema_migrations", "create table extra (id int)"];
  for (const sql of refusals) {
    await expect(as(serving.url, sql), sql).rejects.toThrow("permission denied");
  }
  await as(serving.url, "insert into words (word) values ('one')");
});

test("a run that finds the rights as they should be changes no table", async () => {
  await run();
  const tables = () =>
    admin.query("select xmin::text, relname from pg_class where relnamespace = 'public'::regnamespace");
  const before = (await tables()).rows;

  await run();

  expect((await tables()).rows).toEqual(before);
});

test("ten runs at once give the rights, though the role could do something else before", async () => {
  await migrate({ url: owner.url, directory });
  await as(owner.url, `grant all on words to "${serving.role}"`);

  await Promise.all(Array.from({ length: 10 }, run));

  await as(serving.url, "insert into words (word) values ('one')");
  await expect(as(serving.url, "truncate words")).rejects.toThrow("permission denied");
});

test("a migration while a serving session is in a transaction does not wait for it", async () => {
  await run();
  const session = new pg.Client({ connectionString: serving.url });
  await session.connect();
  await session.query("begin; insert into words (word) values ('one'); select name from schema_version");
  await as(owner.url, `grant truncate on words to "${serving.role}"`);

  await run();

  await session.query("commit");
  await session.end();
});

test("it waits for a role that is created at the same time, and for its password", async () => {
  await admin.query(`drop role "${serving.role}"`);
  const said: unknown[] = [];
  const warn = async (line: { message: string }) => {
    said.push(line.message);
    await (said.length === 1
      ? admin.query(`create role "${serving.role}" login`)
      : admin.query(`alter role "${serving.role}" password 'secret'`));
  };

  await migrate({ ...urls(), waitMs: 60_000, log: { ...silentLog, warn: (line: object) => void warn(line as never) } });

  expect(said).toEqual([
    `the role ${serving.role} of DATABASE_URL does not exist`,
    expect.stringContaining("password authentication failed"),
  ]);
});

test("without time to wait, a role that does not exist is named", async () => {
  await admin.query(`drop role "${serving.role}"`);

  await expect(run()).rejects.toThrow(`the role ${serving.role} of DATABASE_URL does not exist`);
});

test.each([
  ["is a superuser", 'alter role "$serving" superuser'],
  ["may create roles", 'alter role "$serving" createrole'],
  ["may create databases", 'alter role "$serving" createdb'],
  ["may replicate the server", 'alter role "$serving" replication'],
  ["owns the database or is a member of its owner", 'grant $owner to "$serving"'],
  ["owns the database or is a member of its owner", 'grant $owner to "$serving" with inherit false'],
  ["owns tables", 'create table its (id int); alter table its owner to "$serving"'],
  ["may create schemas", 'grant create on database $database to "$serving"'],
  ["may create schemas", "grant create on database $database to public"],
  [
    "may create temporary tables",
    'create role $group; grant temporary on database $database to $group; grant $group to "$serving"',
  ],
  [
    "may create tables in the schema public",
    "alter schema public owner to postgres; grant create on schema public to public",
  ],
  ["may read or change schema_migrations", "grant select on schema_migrations to public"],
  ["is a member of a role that reaches all data or the server's files", 'grant pg_read_server_files to "$serving"'],
  [
    "is a member of a role that reaches all data or the server's files",
    'grant pg_execute_server_program to "$serving"',
  ],
  ["is a member of a role that reaches all data or the server's files", 'grant pg_read_all_data to "$serving"'],
])("a role that %s is refused (%s)", async (excess, sql) => {
  await run();
  const { rows } = await admin.query("select current_database() as name");
  const group = `group_${randomBytes(6).toString("hex")}`;
  const names = { $serving: serving.role, $owner: owner.role, $database: rows[0].name, $group: group };
  await admin.query(Object.entries(names).reduce((text, [name, value]) => text.replaceAll(name, value), sql));

  const { message } = await run().then(
    () => new Error("it was not refused"),
    (error: Error) => error,
  );

  if (sql.includes("$group")) {
    await admin.query(`drop owned by ${group}; drop role ${group}`);
  }
  expect(message).toContain(
    `the role ${serving.role}, with which the service is to connect, may do more than serve: it `,
  );
  expect(message).toContain(excess);
});

test("the owner cannot be the role that serves", async () => {
  await expect(migrate({ url: owner.url, servingUrl: owner.url, directory })).rejects.toThrow(
    `the role ${owner.role}, with which the service is to connect, may do more than serve: it owns the database`,
  );
});

test("URLs of two databases are refused, and both are named", async () => {
  await using other = await testDatabase();
  const url = new URL(serving.url);
  url.pathname = new URL(other.ownerUrl).pathname;
  await migrate({ url: other.ownerUrl, directory });
  await other.owner.query(`grant select on schema_version to "${serving.role}"`);

  const run = migrate({ url: owner.url, servingUrl: url.href, directory });

  await expect(run).rejects.toThrow(
    new RegExp(
      `DATABASE_URL is the database ${url.pathname.slice(1)} .* and DATABASE_OWNER_URL is test_.* must be the same`,
    ),
  );
  await other.owner.query(`drop owned by "${serving.role}"`);
});

test("a run that is killed before it gave the rights is made up for by the next", async () => {
  await file("0002_more.sql", "create table more (id int primary key)");
  await migrate({ url: owner.url, directory });

  expect(await run()).toEqual([]);

  expect(await as(serving.url, "select from more")).toEqual([]);
});

test.each([
  ["does both with the URLs in files, as in a pod", "", { code: 0, stderr: "" }],
  [
    "names a role that may do more, and ends with 1",
    "superuser",
    {
      code: 1,
      stderr: expect.stringMatching(/^the role Serving-\w+, .* may do more than serve: it is a superuser\. .*\n$/),
    },
  ],
])("the program of the init container %s", async (_, attribute, ended) => {
  await admin.query(`alter role "${serving.role}" ${attribute}`);
  await writeFile(join(directory, "owner"), `${owner.url}\n`);
  await writeFile(join(directory, "serving"), `${serving.url}\n`);
  const env = {
    PATH: process.env.PATH,
    DATABASE_OWNER_URL_FILE: join(directory, "owner"),
    DATABASE_URL_FILE: join(directory, "serving"),
  };

  const program = fileURLToPath(new URL("./migrate-main.ts", import.meta.url));
  const child = spawn(process.execPath, [program, directory], { env, stdio: ["ignore", "ignore", "pipe"] });
  const exit = once(child, "close");

  expect({ stderr: await text(child.stderr), code: (await exit)[0] }).toEqual(ended);
  expect((await as(owner.url, "select from words")).length).toBe(0);
});

function createServing() {
  return admin.query(`create role "${serving.role}" login password 'secret'`);
}

function urls() {
  return { url: owner.url, servingUrl: serving.url, directory };
}

function run(): Promise<string[]> {
  return migrate(urls());
}

async function as(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function file(name: string, sql: string): Promise<void> {
  return writeFile(join(directory, name), sql);
}
