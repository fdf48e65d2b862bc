import { ask } from "@sagacart/chassis/postgres/survey";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { expect, test } from "vitest";
import { questions } from "./survey.ts";

test("every query runs, and returns its gauges and labels", async () => {
  await using database = await testDatabase(new URL("../migrations/", import.meta.url));
  for (const question of questions) {
    const [row = {}] = await ask(database.pool, question);
    expect(Object.keys(row).sort()).toEqual([...Object.keys(question.gauges), ...question.labels].sort());
  }
});

test("reserved stock is counted by state, and an expired reservation as overdue", async () => {
  await using database = await testDatabase(new URL("../migrations/", import.meta.url));
  const series = async (name: string) => {
    const question = questions.find(({ gauges }) => name in gauges)!;
    const rows = await ask(database.pool, question);
    return Object.fromEntries(rows.map((row) => [row.state ?? "", Number(row[name])]));
  };
  expect(await series("sagacart_reserved_units")).toEqual({ HELD: 0, PINNED: 0 });
  expect(await series("sagacart_reservation_expiry_overdue_seconds")).toEqual({ "": 0 });
  await database.pool.query(
    `insert into reservations (id, kind, state, fingerprint, expire_time) values
       ('a', 'ORDER', 'HELD', '', now() - interval '50 s'), ('b', 'ORDER', 'PINNED', '', null),
       ('c', 'ORDER', 'COMMITTED', '', null)`,
  );
  await database.pool.query(
    "insert into reservation_lines values ('a', 'mug', 2), ('a', 'pen', 3), ('b', 'mug', 4), ('c', 'mug', 9)",
  );
  expect(await series("sagacart_reservations")).toEqual({ HELD: 1, PINNED: 1 });
  expect(await series("sagacart_reserved_units")).toEqual({ HELD: 5, PINNED: 4 });
  expect((await series("sagacart_reservation_expiry_overdue_seconds"))[""]).toBeGreaterThanOrEqual(50);
});
