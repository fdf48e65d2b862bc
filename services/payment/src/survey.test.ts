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

test("a webhook counts as waiting until it is applied", async () => {
  await using database = await testDatabase(new URL("../migrations/", import.meta.url));
  const question = questions.find(({ gauges }) => "sagacart_webhook_inbox_waiting" in gauges)!;
  await database.pool.query(
    "insert into webhooks (provider, id, body, receive_time) values ('card', '1', '', now() - interval '70 s')",
  );
  const [waiting = {}] = await ask(database.pool, question);
  expect(Number(waiting.sagacart_webhook_inbox_waiting)).toBe(1);
  expect(Number(waiting.sagacart_webhook_inbox_oldest_seconds)).toBeGreaterThanOrEqual(70);
  await database.pool.query("update webhooks set next_try_time = null");
  expect(await ask(database.pool, question)).toMatchObject([{ sagacart_webhook_inbox_oldest_seconds: 0 }]);
});
