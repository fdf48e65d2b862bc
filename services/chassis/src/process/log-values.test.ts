import { expect, test } from "vitest";
import { testDatabase } from "../testing/database.ts";
import { createLog } from "./log.ts";

test.each([
  ["a row that is there already", "insert into people values ('ada@mail.test', 36)", "people_pkey"],
  ["a row that breaks a rule", "insert into people values ('eve@mail.test', -1)", "people_age_check"],
  ["a row that lacks a value", "insert into people (email) values ('bob@mail.test')", "null value in column"],
])("the line about %s has the rule, and none of the row's values", async (_, statement, rule) => {
  await using database = await testDatabase();
  const { pool } = database;
  await pool.query("create table people (email text primary key, age integer not null check (age >= 0))");
  await pool.query("insert into people values ('ada@mail.test', 36)");
  const failure = await pool.query(statement).then(
    () => new Error("it was stored"),
    (error: unknown) => error,
  );
  const lines: string[] = [];
  const log = createLog({ service: "order", level: "info", destination: { write: (line) => void lines.push(line) } });

  log.error({ error: new Error("a bug", { cause: failure }) }, "failed");
  log.error({ error: failure }, "failed");

  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(line).toContain(rule);
    expect(line).not.toContain("@mail.test");
  }
});
