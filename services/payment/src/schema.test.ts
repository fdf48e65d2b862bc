import { testDatabase } from "@sagacart/chassis/testing/database";
import { schemaOf } from "@sagacart/chassis/testing/schema";
import { expect, test } from "vitest";
import { migrations } from "./testing/stack.ts";

test("schema.sql is what the migrations make", async () => {
  await using database = await testDatabase(migrations);

  await expect(await schemaOf(database.pool)).toMatchFileSnapshot("../schema.sql");
});
