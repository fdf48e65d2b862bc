import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createPasswords } from "../sessions/passwords.ts";
import { identityDatabase } from "../testing/identity.ts";
import { FirstOperatorError, makeFirstOperator } from "./first-operator.ts";

const passwords = createPasswords({ atOnce: 2, memoryKib: 64 });
const usersSql = "select username, email, email = verified_email as verified, roles, password_hash from users";

test("of several calls at once one makes the first operator, and every later one is refused", async () => {
  await using database = await identityDatabase();
  const make = (username: string) =>
    makeFirstOperator({ username, email: `${username}@shop.test` }, { pool: database.pool, passwords });

  const ends = await Promise.allSettled(["ada", "bea", "cleo"].map(make));

  const made = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
  expect(made).toHaveLength(1);
  expect(refused).toEqual([expect.any(FirstOperatorError), expect.any(FirstOperatorError)]);
  const { rows } = await database.pool.query(usersSql);
  expect(rows).toMatchObject([{ verified: true, roles: ["operator"] }]);
  const hooks = { before: async () => {}, afterWrong: async () => {} };
  expect(await passwords.verify(made[0] ?? "", rows[0].password_hash, hooks)).toBe(true);
  await expect(make("dora")).rejects.toThrow("There is an operator already");
});

test("a name that a customer has is refused, and the customer stays what they are", async () => {
  await using database = await identityDatabase();
  const { pool } = database;
  await pool.query(
    `insert into users (id, username, username_key, email, email_key, password_hash, roles)
     values ('u', 'ada', 'ada', 'ada@shop.test', 'ada@shop.test', $1, '{customer}')`,
    [await passwords.hash("of a customer")],
  );

  const make = makeFirstOperator({ username: "Ada", email: "other@shop.test" }, { pool, passwords });
  await expect(make).rejects.toThrow("The user name Ada or the address other@shop.test is taken.");
  expect((await pool.query(usersSql)).rows).toMatchObject([{ username: "ada", roles: ["customer"] }]);
});

test("the program prints the password once, and exits with 1 and a sentence the second time", async () => {
  await using database = await identityDatabase();
  const program = new URL("../first-operator-main.ts", import.meta.url).pathname;
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [program, ...args], {
      env: { PATH: process.env.PATH, DATABASE_URL: database.url },
    });

  const { stdout } = await run("--username", "ada", "--email", "ada@shop.test");
  expect(stdout).toMatch(/^ada is an operator, with the password \S{24}\n/);
  await expect(run("--username", "bea", "--email", "bea@shop.test")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^FirstOperatorError: There is an operator already/),
  });
  await expect(run("--username", "b")).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("usage:") });
});
