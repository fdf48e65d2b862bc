import { expect, test } from "vitest";
import { testDatabase } from "../testing/database.ts";
import { unnest } from "./unnest.ts";

type Thing = { name: string; pieces?: number; price: bigint; tags: unknown; time: Date | null; hash: Uint8Array };

const things = unnest<Thing>(
  "new",
  {
    name: ["text", ({ name }) => name],
    pieces: ["int", ({ pieces }) => pieces],
    price: ["bigint", ({ price }) => price],
    tags: ["jsonb", ({ tags }) => JSON.stringify(tags)],
    time: ["timestamptz", ({ time }) => time],
    hash: ["bytea", ({ hash }) => hash],
    has_time: ["boolean", ({ time }) => time !== null],
  },
  2,
);

test("the text names each column once, with its parameter and type", () => {
  expect(things.columns).toBe("name, pieces, price, tags, time, hash, has_time");
  expect(things.table).toBe(
    "unnest($2::text[], $3::int[], $4::bigint[], $5::jsonb[], $6::timestamptz[], $7::bytea[], $8::boolean[]) as new (name, pieces, price, tags, time, hash, has_time)",
  );
});

test("Postgres gives back the rows that went in", async () => {
  await using database = await testDatabase();
  const time = new Date("2026-01-02T03:04:05.678Z");
  const hash = Buffer.from([0, 255]);
  const { rows } = await database.pool.query(`select $1 as of, ${things.columns} from ${things.table}`, [
    "all",
    ...things.values([
      { name: 'a, "b" {c} \\ \'', pieces: 3, price: 2n ** 60n, tags: { a: ["{}", null] }, time, hash },
      { name: "NULL", price: -1n, tags: null, time: null, hash: Buffer.alloc(0) },
    ]),
  ]);

  expect(rows).toEqual([
    {
      of: "all",
      name: 'a, "b" {c} \\ \'',
      pieces: 3,
      price: 2n ** 60n,
      tags: { a: ["{}", null] },
      time,
      hash,
      has_time: true,
    },
    {
      of: "all",
      name: "NULL",
      pieces: null,
      price: -1n,
      tags: null,
      time: null,
      hash: Buffer.alloc(0),
      has_time: false,
    },
  ]);
});

test("no rows make an empty table", async () => {
  await using database = await testDatabase();

  const { rows } = await database.pool.query(`select $1::text, * from ${things.table}`, ["none", ...things.values([])]);

  expect(rows).toEqual([]);
});
