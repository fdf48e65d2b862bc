import { createHash } from "node:crypto";
import type { Queryable } from "@sagacart/chassis/postgres/pool";

/** Returns how long the longest pause among these keys still lasts, in ms; 0 or less if there is none. */
export async function readWaitMs(db: Queryable, keys: readonly string[]): Promise<number> {
  const { rows } = await db.query<{ wait_ms: number | null }>(
    `select ceil(extract(epoch from max(blocked_until) - clock_timestamp()) * 1000)::float8 as wait_ms
     from throttles where key = any($1)`,
    [keys.map(hashOf)],
  );
  return rows[0]?.wait_ms ?? 0;
}

/** The number of attempts that count now, and until when the next one has to wait; undefined if it has not. */
export type CountedAttempts = { readonly attempts: number; readonly blockedUntil: Date | undefined };

/**
 * Counts one attempt. From the attempt number `free` on, each sets a pause: 1 s, doubled each time up to the longest. The
 * count leaks away, `free` of it in an hour, so that many people behind one address are not counted together for ever.
 */
export async function countAttempt(
  db: Queryable,
  { key, free, longestPauseMs }: { key: string; free: number; longestPauseMs: number },
): Promise<CountedAttempts> {
  const { rows } = await db.query<{ attempts: number; blocked_until: Date | null }>(
    `insert into throttles as t (key, attempts, blocked_until, update_time)
     values ($1, 1, '-infinity', clock_timestamp())
     on conflict (key) do update set
       attempts = ${level},
       -- Half an attempt less: some has leaked away since the first one.
       blocked_until = case
         when ${level} < $2 - 0.5 then '-infinity'
         else clock_timestamp() + least($3, 1000 * 2 ^ least(${level} - $2, 30)) * interval '1 millisecond'
       end,
       update_time = clock_timestamp()
     returning attempts::float8 as attempts, nullif(blocked_until, '-infinity') as blocked_until`,
    [hashOf(key), free, longestPauseMs],
  );
  return { attempts: rows[0]?.attempts ?? 0, blockedUntil: rows[0]?.blocked_until ?? undefined };
}

const level = "greatest(0, t.attempts - extract(epoch from clock_timestamp() - t.update_time) * $2 / 3600) + 1";

/** Resets the counts of these keys. Returns those that had to wait. */
export async function deleteAttempts(db: Queryable, keys: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ key: Buffer }>(
    "delete from throttles where key = any($1) returning case when blocked_until > clock_timestamp() then key end as key",
    [keys.map(hashOf)],
  );
  return keys.filter((key) => rows.some(({ key: hash }) => hash?.equals(hashOf(key))));
}

// Keys hold people's names and addresses, which need not be stored: equality is enough.
function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
