import { existsSync, readdirSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "./database.ts";

const services = new URL("../../../", import.meta.url);
const withTables = readdirSync(services).filter((name) => existsSync(new URL(`${name}/migrations/`, services)));

/** Statements that a service's role may not run, with `$table` and `$column` for those of a table of the service. */
const refused: readonly [what: string, sql: string, message: RegExp][] = [
  ["create a table", "create table extra (id text)", /permission denied for schema public/],
  ["create a table from a query", "create table extra as select * from $table", /permission denied for schema public/],
  ["create a table by select into", "select * into extra from $table", /permission denied for schema public/],
  [
    "create a temporary table",
    "create temporary table extra (id text)",
    /permission denied to create temporary tables/,
  ],
  ["add a column", "alter table $table add column extra text", /must be owner of table/],
  ["rename a column", "alter table $table rename column $column to extra", /must be owner of table/],
  ["drop a column", "alter table $table drop column $column", /must be owner of table/],
  ["turn triggers off", "alter table $table disable trigger all", /must be owner of table/],
  ["skip triggers by replication", "set session_replication_role = replica", /permission denied to set parameter/],
  ["drop a table", "drop table $table cascade", /must be owner of table/],
  ["empty a table", "truncate $table cascade", /permission denied for table/],
  ["own a table", "alter table $table owner to current_user", /must be owner of table/],
  ["refer to a table", "create table extra (c text references $table)", /permission denied for schema public/],
  ["create an index", "create index extra on $table ($column)", /must be owner of table/],
  ["create a view", "create view extra as select 1", /permission denied for schema public/],
  [
    "replace the view of the newest migration",
    "create or replace view schema_version as select 'z'::text as name",
    /./,
  ],
  ["create a materialized view", "create materialized view extra as select 1", /permission denied for schema public/],
  ["create a sequence", "create sequence extra", /permission denied for schema public/],
  ["create a type", "create type extra as enum ('a')", /permission denied for schema public/],
  ["create a domain", "create domain extra as text", /permission denied for schema public/],
  [
    "create a function",
    "create function extra() returns int language sql as 'select 1'",
    /permission denied for schema public/,
  ],
  [
    "replace a trigger's function",
    "create or replace function keep_update_time() returns trigger language plpgsql as 'begin return new; end'",
    /permission denied for schema public/,
  ],
  [
    "create a trigger",
    "create trigger extra before update on $table execute function suppress_redundant_updates_trigger()",
    /permission denied for table/,
  ],
  ["create a rule", "create rule extra as on delete to $table do instead nothing", /must be owner of (table|relation)/],
  ["create a policy", "create policy extra on $table", /must be owner of (table|relation)/],
  ["create a schema", "create schema extra", /permission denied for database/],
  ["create an extension", "create extension hstore", /permission denied to create extension/],
  ["create a publication", "create publication extra", /permission denied for database/],
  ["create an event trigger", "create event trigger e on ddl_command_end execute function x()", /permission denied/],
  ["create a foreign server", "create foreign data wrapper extra", /permission denied/],
  ["create a database", "create database extra", /permission denied to create database/],
  ["create a role", "create role extra", /permission denied to create role/],
  ["become a superuser", "alter role current_user superuser", /permission denied to alter role/],
  ["become the owner", "set role $owner", /permission denied to set role/],
  ["join a group", "grant pg_read_all_data to current_user", /permission denied to grant role/],
  ["read the migrations' table", "select * from schema_migrations", /permission denied for table schema_migrations/],
  ["add a migration", "insert into schema_migrations values ('9', '')", /permission denied for table/],
  ["forget a migration", "delete from schema_migrations", /permission denied for table schema_migrations/],
  ["change a migration", "update schema_migrations set checksum = ''", /permission denied for table/],
  [
    "write the newest migration",
    "insert into schema_version values ('9')",
    /permission denied|cannot insert into view/,
  ],
  ["read passwords", "select * from pg_authid", /permission denied for table pg_authid/],
  ["read a file", "select pg_read_file('postgresql.conf')", /permission denied for function pg_read_file/],
  ["list files", "select pg_ls_dir('.')", /permission denied for function pg_ls_dir/],
  ["copy from a file", "copy $table from '/etc/hostname'", /permission denied to COPY from a file/],
  ["copy to a file", "copy $table to '/tmp/extra'", /permission denied to COPY to a file/],
  ["copy to a program", "copy $table to program 'cat'", /permission denied to COPY to or from an external program/],
  [
    "run a program by copy",
    "copy $table from program 'id'",
    /permission denied to COPY to or from an external program/,
  ],
  ["import a file", "select lo_import('/etc/hostname')", /permission denied for function lo_import/],
  ["change the server's settings", "alter system set fsync = off", /permission denied/],
  ["change the database's settings", "alter database $database set search_path = x", /must be owner of database/],
  ["drop the database", "drop database $database", /must be owner of database/],
  ["write a checkpoint", "checkpoint", /permission denied to execute CHECKPOINT/],
  ["use a language without bounds", "do language plpython3u $$ pass $$", /does not exist|permission denied/],
  ["rotate the log", "select pg_rotate_logfile()", /permission denied for function/],
  ["end the owner's sessions", "select pg_terminate_backend($pid)", /permission denied to terminate process/],
];

describe.each(withTables)("the role that %s serves with", (service) => {
  let database: TestDatabase;
  let names: Record<"$table" | "$column" | "$owner" | "$database" | "$pid", string>;
  beforeAll(async () => {
    database = await testDatabase(new URL(`${service}/migrations/`, services));
    const { rows } = await database.owner.query(
      `select c.relname as table, attname as column, current_user as owner, current_database() as database
       from pg_class c join pg_attribute on attrelid = c.oid and attnum = 1
       where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'schema_migrations'
         and exists (select from pg_constraint where conrelid = c.oid and contype = 'p')
       order by relname limit 1`,
    );
    const quoted = Object.entries(rows[0]).map(([name, value]) => [`$${name}`, pg.escapeIdentifier(`${value}`)]);
    names = { ...Object.fromEntries(quoted), $pid: "0" };
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  test("can do nothing of what only the owner or a superuser may", async () => {
    // The owner's session is a superuser's here.
    const owner = await database.owner.connect();
    const $pid = `${(await owner.query("select pg_backend_pid() as pid")).rows[0].pid}`;
    const client = await database.pool.connect();
    const answers: [what: string, answer: string][] = [];
    for (const [what, sql] of refused) {
      const text = Object.entries({ ...names, $pid }).reduce((sql, [name, value]) => sql.replaceAll(name, value), sql);
      const answer = await client.query(text).then(
        () => "done",
        // What is missing is the right to the statement, or, for two, the thing itself.
        (error: pg.DatabaseError) => `${error.code} ${error.message}`,
      );
      answers.push([what, answer]);
    }
    client.release(true);
    owner.release();

    expect(answers).toEqual(
      refused.map(([what, , message]) => [
        what,
        expect.stringMatching(new RegExp(`^(42501|42704|55000) .*${message.source}`)),
      ]),
    );
  });

  test("cannot give its rights to others", async () => {
    const rights = () =>
      database.owner.query("select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace");
    const before = (await rights()).rows;

    // Postgres only warns, if the role has rights on the table itself.
    await database.pool.query(`grant select on ${names.$table} to public`);

    expect((await rights()).rows).toEqual(before);
  });

  test("may read and change the rows of every table but the migrations' own, and nothing else", async () => {
    const { rows } = await database.owner.query<{ name: string; rights: string }>(
      `select relname as name, coalesce(string_agg(distinct privilege_type, ', '), '') as rights
       from pg_class left join lateral aclexplode(relacl) on grantee in (0, 'test_serving'::regrole)
       where relkind in ('r', 'p', 'v', 'm', 'f') and relnamespace = 'public'::regnamespace group by 1 order by 1`,
    );
    const wanted = new Map([
      ["schema_migrations", ""],
      ["schema_version", "SELECT"],
    ]);
    expect(rows.length).toBeGreaterThan(5);
    expect(rows).toEqual(
      rows.map(({ name }) => ({ name, rights: wanted.get(name) ?? "DELETE, INSERT, SELECT, UPDATE" })),
    );
  });

  test("may listen, notify and take advisory locks, and learn the newest migration", async () => {
    const client = await database.pool.connect();
    await client.query("listen something; notify something");
    await client.query("select pg_advisory_lock(1), pg_advisory_unlock(1)");
    const newest = readdirSync(new URL(`${service}/migrations/`, services))
      .toSorted()
      .at(-1);
    expect((await client.query("select name from schema_version")).rows).toEqual([{ name: newest }]);
    client.release();
  });
});
