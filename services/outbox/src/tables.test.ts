import { readFileSync } from "node:fs";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { schemaOf } from "@sagacart/chassis/testing/schema";
import { expect, test } from "vitest";
import { outboxTables, trackedCommandIndexes } from "./testing/tables.ts";

test.each([
  ["order", `${outboxTables}${trackedCommandIndexes}`],
  ["payment", outboxTables],
  ["shipping", outboxTables],
])("the outbox of %s has the tables of tables.sql, with their indexes and no others", async (service, ddl) => {
  await using database = await testDatabase();
  await database.pool.query(ddl);
  const expected = tablesOf(await schemaOf(database.pool));

  const actual = tablesOf(readFileSync(new URL(`../../${service}/schema.sql`, import.meta.url), "utf8"));

  expect(expected.size).toBe(6);
  expect([...expected.keys()].map((table) => [table, actual.get(table)])).toEqual([...expected]);
});

test("identity has the tables of events, as in tables.sql", async () => {
  await using database = await testDatabase();
  await database.pool.query(outboxTables);
  const expected = tablesOf(await schemaOf(database.pool));

  const actual = tablesOf(readFileSync(new URL("../../identity/schema.sql", import.meta.url), "utf8"));

  const events = ["event_appends", "event_consumers", "event_positions", "events"];
  expect(events.map((table) => actual.get(table))).toEqual(events.map((table) => expected.get(table)));
  expect(events.every((table) => expected.has(table))).toBe(true);
});

/** Returns the statements of a schema by the table that they create, or put an index on. */
function tablesOf(schema: string): Map<string, string[]> {
  const tables = new Map<string, string[]>();
  for (const statement of schema.trimEnd().split("\n\n")) {
    const [, table, indexed] =
      /^create table (\w+)|^CREATE (?:UNIQUE )?INDEX .* ON public\.(\w+)/.exec(statement) ?? [];
    const name = table ?? indexed;
    if (name !== undefined) {
      tables.set(name, [...(tables.get(name) ?? []), statement]);
    }
  }
  return tables;
}
