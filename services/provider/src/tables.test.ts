import { readFileSync } from "node:fs";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { schemaOf } from "@sagacart/chassis/testing/schema";
import { expect, test } from "vitest";
import { webhookTables } from "./testing/tables.ts";

test.each(["payment", "shipping"])("the inbox of %s has the tables of tables.sql", async (service) => {
  await using database = await testDatabase();
  await database.pool.query(webhookTables);
  const [, ...tables] = (await schemaOf(database.pool)).trimEnd().split("\n\n");

  const schema = readFileSync(new URL(`../../${service}/schema.sql`, import.meta.url), "utf8");

  expect(tables).toHaveLength(3);
  expect(tables.filter((table) => !schema.includes(table))).toEqual([]);
});
