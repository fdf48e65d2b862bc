import type { RevocationPage } from "@sagacart/chassis/auth/revocations";
import type { Queryable } from "@sagacart/chassis/postgres/pool";

/**
 * Tokens live for `ACCESS_TOKEN_MS`, an hour at most, and verifiers' clocks may be off. Longer than needed costs only memory.
 */
const keptFor = "interval '1 hour 5 minutes'";

/** Refuses the tokens of these sessions from now on. */
export async function revokeSessions(db: Queryable, sessionIds: readonly string[]): Promise<void> {
  if (sessionIds.length === 0) {
    return;
  }
  await db.query({
    name: "revoke-sessions",
    text: `insert into revocations (kind, subject, expire_time)
           select 'SESSION', id, now() + ${keptFor} from unnest($1::text[]) as id order by id
           on conflict (kind, subject) do update set expire_time = excluded.expire_time, xact = excluded.xact`,
    values: [sessionIds],
  });
}

/** Refuses the tokens that the user has so far. The sessions stay: a refresh gives a token of the new version. */
export async function revokeUserTokens(db: Queryable, userId: string): Promise<void> {
  await db.query({
    name: "revoke-user-tokens",
    text: `with raised as (
             update users set token_version = token_version + 1 where id = $1 returning id, token_version)
           insert into revocations (kind, subject, version, expire_time)
           select 'USER', id, token_version, now() + ${keptFor} from raised
           on conflict (kind, subject) do update set version = excluded.version, expire_time = excluded.expire_time,
             xact = excluded.xact`,
    values: [userId],
  });
}

/** Refuses all tokens of a user who is deleted. */
export async function revokeDeletedUsers(db: Queryable, userIds: readonly string[]): Promise<void> {
  await db.query({
    name: "revoke-deleted-users",
    text: `insert into revocations (kind, subject, version, expire_time)
           select 'USER', id, ${afterAll}, now() + ${keptFor} from unnest($1::text[]) as id order by id
           on conflict (kind, subject) do update set version = excluded.version, expire_time = excluded.expire_time,
             xact = excluded.xact`,
    values: [userIds],
  });
}

/** A version that no token has: the largest integer that JSON carries exactly. */
const afterAll = Number.MAX_SAFE_INTEGER;

/**
 * Reads what was revoked since the cursor, "" for all. The cursor is the oldest transaction that was open at the last read:
 * what was not visible then was written by it or a later one. A database that was restored from a backup may have an earlier
 * one; then all is read again. The replaced signing keys are few, and always told: they are refused some time after they were
 * written.
 */
export async function readRevocations(db: Queryable, cursor: string): Promise<RevocationPage> {
  const { rows } = await db.query<RevocationPage>({
    name: "read-revocations",
    text: `with at as (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
           select at.xmin::text as cursor,
             coalesce(jsonb_agg(jsonb_build_array(subject, until_ms)) filter (where kind = 'SESSION'), '[]') as sessions,
             coalesce(jsonb_agg(jsonb_build_array(subject, version, until_ms)) filter (where kind = 'USER'), '[]') as users,
             (select coalesce(jsonb_agg(jsonb_build_array(id,
                  greatest(0, extract(epoch from revoke_time - clock_timestamp()) * 1000)::bigint) order by id), '[]')
                from signing_keys where revoke_time is not null) as keys
           from at left join lateral (
             select kind, subject, version, (extract(epoch from expire_time) * 1000)::bigint as until_ms
             from revocations
             where xact >= case when $1::text::xid8 > at.xmin then '0'::xid8 else $1::text::xid8 end
               and expire_time > now()) as found on true
           group by at.xmin`,
    values: [/^\d{1,20}$/.test(cursor) ? cursor : "0"],
  });
  const [page] = rows;
  if (page === undefined) {
    throw new Error("the revocations cannot be read");
  }
  return page;
}
