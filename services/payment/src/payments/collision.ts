import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";

/** Another transaction recorded what this one was about to record, so that what this one read is out of date. */
export class CollisionError extends Error {
  override readonly name = "CollisionError";
}

/** Runs a transaction, and again from the beginning after each CollisionError. */
export async function retryOnCollision<T>(pool: Pool, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await withTransaction(pool, fn);
    } catch (error) {
      // Each collision means that another transaction has made progress, so this ends.
      if (!(error instanceof CollisionError) || tries === 20) {
        throw error;
      }
    }
  }
}
