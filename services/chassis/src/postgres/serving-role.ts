import type pg from "pg";

/**
 * Gives a role the rights to serve, in one transaction: to read and change the rows of every table but the migrations' own,
 * to use sequences, and to read which migration is the newest. Rights that it has besides are taken away. LISTEN, NOTIFY and
 * advisory locks need none. Tables that the owner creates later have the same rights from the start.
 *
 * The client is the owner of the database and its tables. Only what differs is changed, so pods that start again change
 * nothing.
 */
export async function grantServing(client: pg.Client, role: string): Promise<void> {
  const to = client.escapeIdentifier(role);
  await client.query("begin");
  try {
    // Two grants for one table at the same time fail ("tuple concurrently updated").
    await client.query("select pg_advisory_xact_lock(hashtext('schema_migrations'))");
    await grantDatabase(client, role);
    for (const { name, kind, rights } of (await client.query<Grant>(differing, [role])).rows) {
      await client.query(`revoke all on ${kind} ${name} from ${to}`);
      if (rights !== "") {
        await client.query(`grant ${rights} on ${kind} ${name} to ${to}`);
      }
    }
    await client.query(`alter default privileges in schema public grant ${rowRights} on tables to ${to}`);
    await client.query(`alter default privileges in schema public grant usage, select on sequences to ${to}`);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  }
}

async function grantDatabase(client: pg.Client, role: string): Promise<void> {
  const to = client.escapeIdentifier(role);
  const { rows } = await client.query<{ name: string; settled: boolean }>(
    `select quote_ident(current_database()) as name,
            has_database_privilege($1, current_database(), 'connect') and has_schema_privilege($1, 'public', 'usage')
            and not has_database_privilege($1, current_database(), 'temporary')
            and not has_schema_privilege($1, 'public', 'create') as settled`,
    [role],
  );
  const [database] = rows;
  if (database === undefined || database.settled) {
    return;
  }
  await client.query(`grant connect on database ${database.name} to ${to}`);
  await client.query(`revoke temporary on database ${database.name} from public, ${to}`);
  // Before Postgres 15, or after an update from it, everybody may create tables in this schema.
  await client.query(`revoke create on schema public from public, ${to}`);
  await client.query(`grant usage on schema public to ${to}`);
}

const rowRights = "select, insert, update, delete";

type Grant = { name: string; kind: "table" | "sequence"; rights: string };

/** The tables, views and sequences of the owner on which the role has other rights than it should have. */
const differing = `
  with wanted as (
    select oid, relacl, format('%I.%I', relnamespace::regnamespace, relname) as name,
      case relkind when 'S' then 'sequence' else 'table' end as kind,
      case when relname = 'schema_migrations' then ''
           when relkind in ('v', 'm') then 'SELECT'
           when relkind = 'S' then 'SELECT, USAGE'
           else 'DELETE, INSERT, SELECT, UPDATE' end as rights
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and pg_has_role(relowner, 'usage')
      -- What an extension made is the extension's.
      and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')
  )
  select name, kind, rights from wanted
  where rights <> (
    select coalesce(string_agg(privilege_type, ', ' order by privilege_type), '') from aclexplode(relacl)
    where grantee = (select oid from pg_roles where rolname = $1))
  order by name`;

/**
 * Throws if a role may do more than serve: if it could change the schema or the migrations' bookkeeping, become another
 * role, or reach the server's files. The migrations' client asks, when all is granted.
 */
export async function refuseMoreThanServing(client: pg.Client, role: string): Promise<void> {
  const { rows } = await client.query<{ excess: string }>(excess, [role]);
  if (rows.length > 0) {
    const list = rows.map(({ excess }) => excess).join(", and ");
    throw new Error(
      `the role ${role}, with which the service is to connect, may do more than serve: it ${list}. ` +
        "k8s/README.md has the SQL for a role that may not.",
    );
  }
}

const excess = `
  select excess from pg_roles r join pg_database d on datname = current_database(),
    lateral (values
      (rolsuper, 'is a superuser'),
      (rolcreaterole, 'may create roles'),
      (rolcreatedb, 'may create databases'),
      (rolreplication, 'may replicate the server'),
      (pg_has_role(r.oid, datdba, 'member'), 'owns the database or is a member of its owner'),
      (exists (select from pg_class where relowner = r.oid), 'owns tables'),
      (has_database_privilege(r.oid, d.oid, 'create'), 'may create schemas'),
      (has_database_privilege(r.oid, d.oid, 'temporary'), 'may create temporary tables'),
      (has_schema_privilege(r.oid, 'public', 'create'), 'may create tables in the schema public'),
      (has_table_privilege(r.oid, 'public.schema_migrations', 'select, insert, update, delete, truncate'),
       'may read or change schema_migrations'),
      (exists (select from pg_roles as able where able.rolname in
         ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'pg_read_all_data',
          'pg_write_all_data') and pg_has_role(r.oid, able.oid, 'member')),
       'is a member of a role that reaches all data or the server''s files')
    ) as rule (broken, excess)
  where rolname = $1 and broken
    -- Everything else follows from it.
    and (not rolsuper or excess = 'is a superuser')`;
