import type { Named } from "@sagacart/chassis/auth/security-line";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
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

export type ThrottleOptions = {
  readonly pool: Pool;
  readonly longestPauseMs: number;
  readonly security?: SecurityLog | undefined;
};

/**
 * Counts failed attempts in the database, so that all replicas share the count. After the free ones each is followed by a
 * pause: one second at first, doubled each time, up to the longest. The count leaks away in an hour.
 *
 * An attempt is checked when it begins and counted when it has failed. Concurrent attempts therefore all run, but no more
 * than passwords are hashed at once. Counting before would make one person's devices lock each other out.
 */
export function createThrottle({ pool, longestPauseMs, security }: ThrottleOptions): Throttle {
  function lift(keys: readonly string[]): void {
    for (const key of keys) {
      security?.record({ event: "lock_out.ended", object: lockedOut(key) });
    }
  }

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
        const { attempts, blockedUntil } = await countAttempt(db, { key, free, longestPauseMs });
        // With the attempt before this one, there was no pause yet. One that follows prolongs it.
        if (blockedUntil !== undefined && attempts - 1 < free - 0.5) {
          const object = lockedOut(key);
          security?.record({ event: "lock_out.began", ...tooMany, object, until: blockedUntil });
        }
      }
    },
    async reset(counted, db) {
      lift(
        await deleteAttempts(
          db,
          counted.map(({ key }) => key),
        ),
      );
    },
    async forgive(db, { id }, from) {
      lift(await deleteAttempts(db, [userKey(id), ...(from === undefined ? [] : [from.key])]));
    },
  };
}

const tooMany = { outcome: "refused", reason: "TOO_MANY_ATTEMPTS" } as const;

/** Names what is locked out, for the security log. Names and e-mail addresses that were typed in are left out. */
function lockedOut(key: string): Named {
  const [, kind = "", id = ""] = /^(user|session|second factor) (\S+)$/.exec(key) ?? [];
  if (kind !== "") {
    return { kind: kind === "session" ? kind : "user", id };
  }
  // A name that was typed in may look like a network: the key of an unknown one is "login" and the name.
  const [, network] = /^(?!login )(?:address|[a-z]+ from) ([0-9a-f.:/]+)$/.exec(key) ?? [];
  return network === undefined ? { kind: key.split(" ", 1)[0] ?? "", id: "" } : { kind: "network", id: network };
}
