import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { fillKeys } from "./fold-store.ts";

let running: TestIdentity;
beforeAll(async () => {
  running = await startTestIdentity();
});
afterAll(() => running[Symbol.asyncDispose]());

/** Gives a registered user a name and an address as an earlier version stored them. */
async function asBefore(username: string, email: string) {
  const { id, password } = await running.register();
  await running.pool.query(
    `update users set username = $2, email = $3, verified_email = $3, username_key = null, email_key = null where id = $1`,
    [id, username, email],
  );
  return { id, password, username, email };
}

test("two users whose names or addresses are the same by now both keep signing in", async () => {
  const older = await asBefore("straße", "ﬁnn@shop.test");
  const newer = await asBefore("strasse", "finn@shop.test");
  expect(await fillKeys(running.pool, 1)).toBe(1);
  expect(await fillKeys(running.pool, 100)).toBe(1);
  expect(await fillKeys(running.pool, 100)).toBe(0);

  const idOf = async (username: string) =>
    (await running.anonymous.signIn({ username, password: older.password })).user?.id;
  expect(await idOf("straße")).toBe(older.id);
  expect(await idOf("STRASSE")).toBe(older.id);
  expect(await idOf("strasse")).toBe(newer.id);
  expect(await idOf("finn@shop.test")).toBe(newer.id);
  expect(await idOf("FINN@shop.test")).toBe(older.id);
  expect(await idOf("ﬁnn@shop.test")).toBe(older.id);
});
