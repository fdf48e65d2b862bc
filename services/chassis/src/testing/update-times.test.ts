import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { withTransaction } from "../postgres/pool.ts";
import { testDatabase } from "./database.ts";

const services = new URL("../../../", import.meta.url);
const withTables = readdirSync(services).filter((name) => existsSync(new URL(`${name}/migrations/`, services)));

test.each(withTables)("%s keeps update_time from before create_time, in every table with both", async (service) => {
  await using database = await testDatabase(new URL(`${service}/migrations/`, services));

  const { rows } = await database.pool.query<{ name: string; definition: string | null }>(
    `select c.relname as name, pg_get_triggerdef(t.oid) as definition
     from pg_class c
     left join pg_trigger t on t.tgrelid = c.oid and t.tgname = 'keep_update_time' and t.tgenabled = 'O'
     where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
       and 2 = (select count(*) from pg_attribute
                where attrelid = c.oid and attname in ('create_time', 'update_time') and not attisdropped)
     order by 1`,
  );

  expect(rows).not.toEqual([]);
  expect(rows).toEqual(
    rows.map(({ name }) => ({
      name,
      definition:
        `CREATE TRIGGER keep_update_time BEFORE INSERT OR UPDATE ON public.${name} FOR EACH ROW ` +
        "WHEN ((new.update_time < new.create_time)) EXECUTE FUNCTION keep_update_time()",
    })),
  );
});

test("a transaction that began before the row was created changes it at its creation", async () => {
  await using database = await testDatabase(new URL("stock/migrations/", services));
  const { pool } = database;
  const times = "select create_time, update_time from reservations where id = 'r'";

  await withTransaction(pool, async (early) => {
    await early.query("select now()");
    await pool.query("insert into reservations (id, kind, state) values ('r', 'MANUAL', 'RELEASED')");
    await early.query("update reservations set update_time = now() where id = 'r'");
  });

  const [row] = (await pool.query<{ create_time: Date; update_time: Date }>(times)).rows;
  expect(row?.update_time).toEqual(row?.create_time);
});

test("a time of creation that was rounded up is not after the first change", async () => {
  await using database = await testDatabase(new URL("identity/migrations/", services));
  const ids = Array.from({ length: 50 }, (_, index) => `u-${index}`);

  for (const id of ids) {
    await database.pool.query(
      `insert into users (id, username, email, password_hash, roles)
       values ($1, 'name-' || $1, $1 || '@shop.test', '$argon2id$', array['customer'])`,
      [id],
    );
  }

  const { rows } = await database.pool.query("select id from users where update_time < create_time");
  expect(rows).toEqual([]);
});
