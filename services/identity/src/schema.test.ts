import { schemaOf } from "@sagacart/chassis/testing/schema";
import { expect, test } from "vitest";
import { identityDatabase } from "./testing/identity.ts";

test("schema.sql matches the migrations", async () => {
  await using database = await identityDatabase();

  await expect(await schemaOf(database.pool)).toMatchFileSnapshot("../schema.sql");
});
