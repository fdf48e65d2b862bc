import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { erasePersonalData, findPersonalData, personalTables } from "./erase-store.ts";
import { readRows } from "./export-store.ts";
import { personalData, type ServiceWithTables } from "./personal-data.ts";
import type { Tables } from "./tables/table.ts";
import { plant } from "./testing/plant.ts";

const services = Object.keys(personalData) as ServiceWithTables[];

test("no two tables have one section of an export", () => {
  const sections = services.flatMap((service) =>
    personalTables(personalData[service]).map(([, { rows }]) => rows.section),
  );
  expect(sections.toSorted()).toEqual([...new Set(sections)].toSorted());
});

describe.each(services)("%s", (service) => {
  const tables: Tables = personalData[service];
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase(new URL(`../../${service}/migrations/`, import.meta.url));
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  test("has a decision for every column, and none for others", async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select table_name || '.' || column_name as name from information_schema.columns
       where table_schema = 'public' and table_name not in ('schema_migrations', 'schema_version')`,
    );
    const decided = Object.entries(tables).flatMap(([table, { columns }]) =>
      Object.keys(columns).map((column) => `${table}.${column}`),
    );
    // Decide on a new column in services/privacy/src/tables: is it about a person, and what becomes of it?
    expect(decided.toSorted()).toEqual(rows.map(({ name }) => name).toSorted());
  });

  test("finds a person's rows by the primary key, and in the order of it", async () => {
    const { rows } = await database.pool.query<{ name: string; key: string[] }>(
      `select c.relname as name, array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) as key
       from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
       where i.indisprimary and c.relnamespace = 'public'::regnamespace group by 1`,
    );
    const keys = new Map(rows.map(({ name, key }) => [name, key]));
    for (const [name, { rows }] of personalTables(tables)) {
      expect([name, Object.keys(rows.key)]).toEqual([name, keys.get(name)]);
    }
  });

  test("deletes all personal data of the customer and none of others, and exports every column of it before", async () => {
    const { pool } = database;
    for (const customerId of ["victim", "witness"]) {
      for (const text of plant(service, customerId)) {
        await pool.query(text);
      }
    }
    const everything = () => snapshot(database, tables, "witness");
    const before = await everything();

    // Each table has personal data, so that one whose rows are not found fails here.
    const expected = personalTables(tables)
      .filter(
        ([, { rows, columns }]) => rows.areDeleted || Object.values(columns).some(({ kind }) => kind === "erased"),
      )
      .map(([name]) => name);
    expect((await findPersonalData(pool, tables, "victim")).toSorted()).toEqual(expected.toSorted());
    for (const [name, table] of personalTables(tables)) {
      const rows = await readRows(pool, name, table, { customerId: "victim", after: [], limit: 10 });
      const records: Record<string, unknown>[] = rows.map(({ data }) => JSON.parse(data));
      const shown = Object.entries(table.columns).flatMap(([column, decision]) =>
        decision.kind === "not personal" || (decision.kind === "erased" && decision.isSecret) ? [] : [column],
      );
      expect([name, Object.keys(records[0] ?? {})]).toEqual([name, shown.map(camelCase)]);
      // Planted in every column that is deleted: an empty one would prove nothing.
      const planted = Object.entries(table.columns).flatMap(([column, { kind }]) =>
        kind === "personal" || (kind === "erased" && shown.includes(column)) ? [camelCase(column)] : [],
      );
      const empty = planted.filter((column) =>
        records.every((record) => record[column] === "" || record[column] === null),
      );
      expect([name, empty]).toEqual([name, []]);
    }

    await erasePersonalData(pool, tables, "victim");

    expect(await findPersonalData(pool, tables, "victim")).toEqual([]);
    expect(await everything()).toEqual(before);
    await erasePersonalData(pool, tables, "victim");
    expect(await everything()).toEqual(before);
    const text = JSON.stringify(await snapshot(database, tables, "victim"));
    expect(text).not.toMatch(/secret of victim|victim@mail\.test/);
  });
});

/** Everything that is exported of a customer. */
async function snapshot({ pool }: TestDatabase, tables: Tables, customerId: string): Promise<unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, table] of personalTables(tables)) {
    found[name] = await readRows(pool, name, table, { customerId, after: [], limit: 100 });
  }
  return found;
}

function camelCase(column: string): string {
  return column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
