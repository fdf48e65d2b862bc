import { randomBytes } from "node:crypto";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Passwords } from "../sessions/passwords.ts";
import { hasOperator, insertUserIfFree, lockOperators } from "./seed-store.ts";
import { appendUserEvents } from "./user-events.ts";

/** A reason for which no operator was made, for people. */
export class FirstOperatorError extends Error {
  override readonly name = "FirstOperatorError";
}

export type FirstOperator = { readonly username: string; readonly email: string };

/**
 * Makes the shop's first operator, and returns the random password. Throws a FirstOperatorError if there is an operator, who
 * then makes the others, or if the name or the address is taken. Of concurrent calls one succeeds.
 */
export async function makeFirstOperator(
  { username, email }: FirstOperator,
  { pool, passwords }: { pool: Pool; passwords: Passwords },
): Promise<string> {
  // 144 bits: longer and rarer than any rule for passwords asks for.
  const password = randomBytes(18).toString("base64url");
  const passwordHash = await passwords.hash(password);
  const id = uuidv7();
  await withTransaction(pool, async (tx) => {
    await lockOperators(tx);
    if (await hasOperator(tx)) {
      throw new FirstOperatorError(
        "There is an operator already, who can make others: PATCH /v1/users/{id} with roles.",
      );
    }
    const roles = ["operator" as const];
    if (!(await insertUserIfFree(tx, { id, username, email, passwordHash, roles, hasOperatorPassword: true }))) {
      throw new FirstOperatorError(`The user name ${username} or the address ${email} is taken. Choose another.`);
    }
    await appendUserEvents(tx, [{ type: "sagacart.user.created.v1", user: { id, email, isEmailVerified: true } }]);
  });
  return password;
}
