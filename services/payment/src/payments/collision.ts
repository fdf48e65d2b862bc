import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";

/** Somebody else recorded what this transaction was about to record: what it read is not true any more. */
export class CollisionError extends Error {
  override readonly name = "CollisionError";
}

/** Runs a transaction again, from the beginning, while somebody else comes in between. */
export async function withFreshLook<T>(pool: Pool, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await withTransaction(pool, fn);
    } catch (error) {
      // Each time somebody else got ahead, so there is an end to it.
      if (!(error instanceof CollisionError) || tries === 20) {
        throw error;
      }
    }
  }
}
