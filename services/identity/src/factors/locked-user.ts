import { requireAnySecondFactor } from "@sagacart/chassis/auth/second-factor";
import { callContext } from "@sagacart/chassis/context";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type User, userNotFound } from "../users/user.ts";
import { lockUser } from "../users/user-store.ts";
import { hasFactor } from "./factor-store.ts";

/** Runs under a lock of the user and of all codes for the user. Throws USER_NOT_FOUND. */
export async function withLockedUser<T>(
  pool: Pool,
  userId: string,
  run: (tx: Transaction, user: User) => Promise<T>,
): Promise<T> {
  return await withTransaction(pool, async (tx) => {
    const user = await lockUser(tx, userId);
    if (user === undefined) {
      throw userNotFound(userId);
    }
    return await run(tx, user);
  });
}

/** Refuses a session without a second factor the factors of a user who has some. */
export async function refuseWeakSession(tx: Transaction, userId: string): Promise<void> {
  const principal = callContext()?.principal;
  if (principal !== undefined && (await hasFactor(tx, userId))) {
    requireAnySecondFactor(principal);
  }
}
