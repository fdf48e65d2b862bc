import { testDatabase } from "@sagacart/chassis/testing/database";
import { schemaOf } from "@sagacart/chassis/testing/schema";
import { testOutboxSchema } from "@sagacart/outbox/testing/schema-tests";
import { expect, test } from "vitest";

const migrations = new URL("../migrations/", import.meta.url);

test("schema.sql is what the migrations make", async () => {
  await using database = await testDatabase(migrations);

  await expect(await schemaOf(database.pool)).toMatchFileSnapshot("../schema.sql");
});

testOutboxSchema(migrations);
