import { testDatabase } from "@sagacart/chassis/testing/database";
import { schemaOf } from "@sagacart/chassis/testing/schema";
import { expect, test } from "vitest";

test("schema.sql is what the migrations make", async () => {
  await using database = await testDatabase(new URL("../migrations/", import.meta.url));

  await expect(await schemaOf(database.pool)).toMatchFileSnapshot("../schema.sql");
});
