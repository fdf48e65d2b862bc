import { createHash } from "node:crypto";
import type { Pool, Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { type Adapter, type AdapterPayload, errors } from "oidc-provider";
import { revokeSessions } from "../sessions/revocation-store.ts";
import type { SeenSession } from "../sessions/seen-session.ts";

/**
 * Stores the state of one of oidc-provider's models. All models share a table. Codes and tokens are stored as hashes. Only
 * a browser's session keeps its id, because it is also found by its uid; its cookie is signed.
 */
export function createAdapter(pool: Pool, model: string): Adapter {
  return {
    async upsert(id, payload, expiresInSeconds) {
      const { accountId = signedInBy(payload), grantId, uid } = payload;
      const kept = JSON.stringify(model === "Session" ? payload : { ...payload, jti: undefined });
      if (kept.includes("\\u0000")) {
        // Postgres stores no NUL in text. It came in a parameter of the request.
        throw new errors.InvalidRequest("a parameter contains the character NUL");
      }
      await pool.query(
        `insert into oidc_entries (model, id_hash, payload, account_id, grant_id, uid, expire_time)
         values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
         on conflict (model, id_hash) do update set payload = excluded.payload, account_id = excluded.account_id,
           grant_id = excluded.grant_id, uid = excluded.uid, expire_time = excluded.expire_time`,
        [
          model,
          hashOf(id),
          kept,
          accountId ?? null,
          // A grant is found by its own id; revoking it deletes the entries with its grant_id.
          model === "Grant" ? null : (grantId ?? null),
          uid ?? null,
          expiresInSeconds === undefined || expiresInSeconds <= 0 ? null : expiresInSeconds,
        ],
      );
    },
    async find(id) {
      const { rows } = await pool.query<{ payload: AdapterPayload }>(
        "select payload from oidc_entries where model = $1 and id_hash = $2 and (expire_time is null or expire_time > now())",
        [model, hashOf(id)],
      );
      return rows.map(({ payload }) => ({ ...payload, jti: id }))[0];
    },
    async findByUid(uid) {
      const { rows } = await pool.query<{ payload: AdapterPayload }>(
        "select payload from oidc_entries where model = $1 and uid = $2 and (expire_time is null or expire_time > now())",
        [model, uid],
      );
      return rows[0]?.payload;
    },
    async findByUserCode() {
      // The device flow is off.
      return undefined;
    },
    async destroy(id) {
      await pool.query("delete from oidc_entries where model = $1 and id_hash = $2", [model, hashOf(id)]);
      if (model === "Grant") {
        await revokeSessions(pool, [grantSessionId(id)]);
      }
    },
    async revokeByGrantId(grantId) {
      await pool.query("delete from oidc_entries where model = $1 and grant_id = $2", [model, grantId]);
      await revokeSessions(pool, [grantSessionId(grantId)]);
    },
    async consume(id) {
      const { rowCount } = await pool.query(
        `update oidc_entries set payload = payload || jsonb_build_object('consumed', extract(epoch from now())::bigint)
         where model = $1 and id_hash = $2 and not payload ? 'consumed'`,
        [model, hashOf(id)],
      );
      if (rowCount === 0) {
        // Two concurrent requests can both find it unused; the first to update wins.
        throw new errors.InvalidGrant("it was used by another request at the same time");
      }
    },
  };
}

/**
 * Returns the session id of the access tokens that were issued under a grant: an application's sign-in. Not the grant's own
 * id, since whoever verifies tokens hears of session ids.
 */
export function grantSessionId(grantId: string): string {
  return sessionIdOf(hashOf(grantId));
}

function sessionIdOf(grantIdHash: Buffer): string {
  return `${grantSessionPrefix}${grantIdHash.toString("hex").slice(0, 32)}`;
}

const grantSessionPrefix = "oidc-";

/** Returns true for the session id of an application's sign-in. */
export function isGrantSession(sessionId: string): boolean {
  return sessionId.startsWith(grantSessionPrefix);
}

/** Finds the scopes that a user's sign-in to an application covers; none if it has ended. */
export async function findGrantedScopes(db: Queryable, userId: string, sessionId: string): Promise<Set<string>> {
  const { rows } = await db.query<{ id_hash: Buffer; scope: string }>(
    `select id_hash, coalesce(payload->'openid'->>'scope', '') as scope
     from oidc_entries where model = 'Grant' and account_id = $1 and expire_time > now()`,
    [userId],
  );
  const grant = rows.find(({ id_hash: hash }) => sessionIdOf(hash) === sessionId);
  return new Set(grant?.scope.split(" "));
}

/**
 * Ends the sign-ins of a user to applications that are more than `most`, the oldest first, and refuses their access tokens.
 * Never the current one: times are in seconds, and by the clock of the process that signed in, so others may look newer.
 * Returns their session ids.
 */
export async function endOldestGrants(
  db: Queryable,
  { userId, currentGrantId, most }: { userId: string; currentGrantId: string; most: number },
): Promise<readonly string[]> {
  const { rows } = await db.query<{ id_hash: Buffer }>(
    `delete from oidc_entries where model = 'Grant' and id_hash in (
       select id_hash from oidc_entries
       where model = 'Grant' and account_id = $1 and id_hash <> $2 and expire_time > now()
       order by (payload->>'iat')::float8 desc, id_hash offset $3)
     returning id_hash`,
    [userId, hashOf(currentGrantId), most - 1],
  );
  const ended = rows.map(({ id_hash: hash }) => sessionIdOf(hash));
  await revokeSessions(db, ended);
  return ended;
}

/** Lists up to `limit` sign-ins of a user to applications, newest first. */
export async function listGrants(db: Queryable, userId: string, limit: number): Promise<SeenSession[]> {
  const { rows } = await db.query<{ id_hash: Buffer; client: string; start: Date; expire_time: Date }>(
    `select id_hash, coalesce(payload->>'clientId', '') as client, expire_time,
       to_timestamp((payload->>'iat')::float8) as start
     from oidc_entries where model = 'Grant' and account_id = $1 and expire_time > now()
     order by start desc, id_hash limit $2`,
    [userId, limit],
  );
  return rows.map(({ id_hash: hash, client, start, expire_time: expireTime }) => ({
    id: sessionIdOf(hash),
    clientId: client,
    // The forms of OpenID Connect do not record them.
    userAgent: "",
    network: "",
    createTime: start,
    lastUseTime: start,
    expireTime,
  }));
}

/**
 * Ends a user's sign-in to an application, and the browsers' sessions: from those it would be signed in again without a
 * password. Refuses its access tokens.
 */
export async function endGrant(tx: Transaction, userId: string, sessionId: string): Promise<void> {
  const { rows } = await tx.query<{ id_hash: Buffer }>(
    "select id_hash from oidc_entries where model = 'Grant' and account_id = $1 for update",
    [userId],
  );
  const grant = rows.find(({ id_hash: hash }) => sessionIdOf(hash) === sessionId);
  if (grant === undefined) {
    return;
  }
  await tx.query(
    `delete from oidc_entries where account_id = $1
       and (model = 'Session' or (model = 'Grant' and id_hash = $2) or sha256(convert_to(grant_id, 'UTF8')) = $2)`,
    [userId, grant.id_hash],
  );
  await revokeSessions(tx, [sessionId]);
}

/** Ends a user's sign-ins by OpenID Connect. Returns the session ids of their access tokens. */
export async function deleteEntriesOf(tx: Transaction, userId: string): Promise<string[]> {
  const { rows } = await tx.query<{ model: string; id_hash: Buffer }>(
    "delete from oidc_entries where account_id = $1 returning model, id_hash",
    [userId],
  );
  return rows.flatMap(({ model, id_hash: hash }) => (model === "Grant" ? [sessionIdOf(hash)] : []));
}

/**
 * Returns the user whose sign-in at the page has passed, and who has not followed the redirect that ends it: what ends the user's
 * sign-ins ends this one, too.
 */
function signedInBy({ result }: AdapterPayload): string | undefined {
  return result?.login?.accountId;
}

function hashOf(id: string): Buffer {
  return createHash("sha256").update(id).digest();
}
