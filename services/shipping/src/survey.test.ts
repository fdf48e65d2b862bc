import { ask } from "@sagacart/chassis/postgres/survey";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { expect, test } from "vitest";
import { questions } from "./survey.ts";

test("every query returns its gauges and labels", async () => {
  await using database = await testDatabase(new URL("../migrations/", import.meta.url));
  for (const question of questions) {
    const [row = {}] = await ask(database.pool, question);
    expect(Object.keys(row).sort()).toEqual([...Object.keys(question.gauges), ...question.labels].sort());
  }
});
