import { testDatabase } from "@sagacart/chassis/testing/database";
import { schemaOf } from "@sagacart/chassis/testing/schema";
import { expect, test } from "vitest";
import { outboxTables, trackedCommandIndexes } from "./tables.ts";

/** A test that the outbox's tables in a service's migrations are those of tables.sql, with their indexes and no others. */
export function testOutboxSchema(migrations: URL, { tracked = false } = {}): void {
  test("the tables of the outbox are those of outbox/src/tables.sql", async () => {
    await using bare = await testDatabase();
    await bare.pool.query(`${outboxTables}${tracked ? trackedCommandIndexes : ""}`);
    await using service = await testDatabase(migrations);

    const expected = (await schemaOf(bare.pool)).trimEnd().split("\n\n");
    const actual = (await schemaOf(service.pool))
      .trimEnd()
      .split("\n\n")
      .filter((statement) => isOfOutbox(statement));

    expect(actual).toEqual(expected.filter((statement) => isOfOutbox(statement)));
  });
}

/** A table of the outbox, or an index on one. */
function isOfOutbox(statement: string): boolean {
  const table = /^create table (\w+)|^CREATE (?:UNIQUE )?INDEX .* ON public\.(\w+)/.exec(statement);
  return tables.has(table?.[1] ?? table?.[2] ?? "");
}

const tables = new Set([
  "command_batches",
  "commands",
  "event_appends",
  "event_consumers",
  "event_positions",
  "events",
]);
