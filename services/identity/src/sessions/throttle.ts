import { createHash } from "node:crypto";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { reasons } from "../reasons.ts";

/** What attempts are counted by, and how many there may be before the pauses begin. */
export type Counted = { readonly key: string; readonly free: number };

export type Throttle = {
  /** Throws RESOURCE_EXHAUSTED / TOO_MANY_ATTEMPTS, with the time to come back, while one of them has to wait. */
  check(counted: readonly Counted[]): Promise<void>;
  /** Counts one more for each of them. */
  count(counted: readonly Counted[]): Promise<void>;
  /** Begins anew for this one. */
  forget(counted: Counted): Promise<void>;
};

/**
 * Counts attempts in the database, for all replicas together. After so many free ones each is followed by a pause, of
 * one second at first and double each time, up to the longest. An hour without any, and the count begins anew.
 *
 * An attempt is checked when it begins and counted when it has failed: attempts that run at the same moment all run,
 * which is as many as passwords are hashed at once. To count before would make one person's devices lock each other out.
 */
export function createThrottle({ pool, longestPauseMs }: { pool: Pool; longestPauseMs: number }): Throttle {
  return {
    async check(counted) {
      const { rows } = await pool.query<{ wait_ms: number }>(
        `select ceil(extract(epoch from max(blocked_until) - clock_timestamp()) * 1000)::float8 as wait_ms
         from throttles where key = any($1)`,
        [counted.map(({ key }) => hashOf(key))],
      );
      const waitMs = rows[0]?.wait_ms ?? 0;
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1000);
        const message = `too many attempts; try again in ${seconds} s`;
        const metadata = { retry_after_seconds: `${seconds}` };
        throw new DomainError(reasons, "TOO_MANY_ATTEMPTS", message, metadata, { retryAfterMs: waitMs });
      }
    },
    async count(counted) {
      // A statement each: none holds one row while it waits for another, so two that count the same cannot deadlock.
      for (const { key, free } of counted) {
        await pool.query(
          `insert into throttles as t (key, attempts, blocked_until, update_time)
           values ($1, 1, '-infinity', clock_timestamp())
           on conflict (key) do update set
             attempts = case when t.update_time < clock_timestamp() - interval '1 hour' then 1 else t.attempts + 1 end,
             blocked_until = case
               when t.update_time < clock_timestamp() - interval '1 hour' or t.attempts + 1 < $2 then '-infinity'
               else clock_timestamp() + least($3, 1000 * 2 ^ least(t.attempts + 1 - $2, 30)) * interval '1 millisecond'
             end,
             update_time = clock_timestamp()`,
          [hashOf(key), free, longestPauseMs],
        );
      }
    },
    async forget({ key }) {
      await pool.query("delete from throttles where key = $1", [hashOf(key)]);
    },
  };
}

// Names and addresses of people: the table has to know them again, and no more.
function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
