import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { migrate } from "@sagacart/chassis/postgres/migrate";
import { testDatabase } from "@sagacart/chassis/testing/database";
import { expect, test } from "vitest";
import { foldText } from "./product.ts";

const migrations = new URL("../../migrations/", import.meta.url);

test("a shop whose SKUs differ in case only keeps them, and its texts are found without accents", async () => {
  const before = await mkdtemp(join(tmpdir(), "migrations-"));
  const all = fileURLToPath(migrations);
  const earlier = (await readdir(all)).filter((name) => name.endsWith(".sql") && name < "0003_skus_and_search.sql");
  await Promise.all(earlier.map((name) => copyFile(join(all, name), join(before, name))));
  await using database = await testDatabase(pathToFileURL(`${before}/`));
  await rm(before, { recursive: true });
  const { pool } = database;
  const texts = ["Café Übergröße", "SMØRREBRØD from Łódź", "crème\nbrûlée", "Ξενία", "हिन्दी", "한국어", "ﬁsh №5"];
  const old = (text: string) => text.normalize("NFKC").toLowerCase();
  for (const [index, sku] of ["ABC", "abc", "Abc", "other", "x", "y", "gone"].entries()) {
    await pool.query(
      `insert into products (id, sku, title, price_minor, currency, search_text, create_time, delete_time)
       values ($1, $2, 'A thing', 100, 'EUR', $3, now() + $4 * interval '1 s', case when $2 = 'gone' then now() end)`,
      [`p-${index}`, sku, old(texts[index]!), index],
    );
  }

  await migrate({ url: database.ownerUrl, directory: migrations });

  const { rows } = await pool.query("select sku, sku_variant, search_text from products order by id");
  expect(rows.map(({ sku, sku_variant }) => [sku, sku_variant])).toEqual([
    ["ABC", ""],
    ["abc", "p-1"],
    ["Abc", "p-2"],
    ["other", ""],
    ["x", ""],
    ["y", ""],
    ["gone", ""],
  ]);
  expect(rows.map(({ search_text }) => search_text.replaceAll("\n", " "))).toEqual(texts.map(foldText));
  const insert = `insert into products (id, sku, title, price_minor, currency, search_text)
                  values ('new', 'aBC', 'A thing', 100, 'EUR', '')`;
  await expect(pool.query(insert)).rejects.toMatchObject({ constraint: "products_sku_any_case" });
});
