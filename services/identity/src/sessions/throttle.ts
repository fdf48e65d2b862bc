import { DomainError } from "@sagacart/chassis/errors";
import type { Pool, Queryable } from "@sagacart/chassis/postgres/pool";
import { reasons } from "../reasons.ts";
import { countAttempt, deleteAttempts, readWaitMs } from "./throttle-store.ts";

/** A key that attempts are counted by, and the number of attempts before pauses begin. */
export type Counted = { readonly key: string; readonly free: number };

export type Throttle = {
  /** Throws RESOURCE_EXHAUSTED / TOO_MANY_ATTEMPTS, with the time to retry after, while one of the keys is paused. */
  check(counted: readonly Counted[], db?: Queryable): Promise<void>;
  /** Counts one failed attempt for each key. */
  count(counted: readonly Counted[], db?: Queryable): Promise<void>;
  /** Resets the counts of these keys. */
  reset(counted: readonly Counted[], db: Queryable): Promise<void>;
  /**
   * Resets the counts of a user, after a proof that the caller owns the account, and of the device or session that it came
   * from. Those of networks stay: they count for other accounts too.
   */
  forgive(db: Queryable, user: { readonly id: string }, from?: Counted): Promise<void>;
};

/** Returns the key that attempts on a device are counted by. */
export function deviceKey(device: string): string {
  return `device ${device}`;
}

/** Returns the key that attempts in a session are counted by. */
export function sessionKey(sessionId: string): string {
  return `session ${sessionId}`;
}

/** Returns the key that attempts for a user are counted by, whichever way the name is spelled. */
export function userKey(userId: string): string {
  return `user ${userId}`;
}

/**
 * Counts failed attempts in the database, so that all replicas share the count. After the free ones each is followed by a
 * pause: one second at first, doubled each time, up to the longest. The count leaks away in an hour.
 *
 * An attempt is checked when it begins and counted when it has failed. Concurrent attempts therefore all run, but no more
 * than passwords are hashed at once. Counting before would make one person's devices lock each other out.
 */
export function createThrottle({ pool, longestPauseMs }: { pool: Pool; longestPauseMs: number }): Throttle {
  return {
    async check(counted, db = pool) {
      const keys = counted.map(({ key }) => key);
      const waitMs = await readWaitMs(db, keys);
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1000);
        const message = `too many attempts; try again in ${seconds} s`;
        const metadata = { retry_after_seconds: `${seconds}` };
        throw new DomainError(reasons, "TOO_MANY_ATTEMPTS", message, metadata, { retryAfterMs: waitMs });
      }
    },
    async count(counted, db = pool) {
      // One statement for each key: none holds a row while it waits for another, so two counts cannot deadlock.
      for (const { key, free } of counted) {
        await countAttempt(db, { key, free, longestPauseMs });
      }
    },
    async reset(counted, db) {
      await deleteAttempts(
        db,
        counted.map(({ key }) => key),
      );
    },
    async forgive(db, { id }, from) {
      await deleteAttempts(db, [userKey(id), ...(from === undefined ? [] : [from.key])]);
    },
  };
}
