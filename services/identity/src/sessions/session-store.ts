import { createHash, randomBytes } from "node:crypto";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { deletePendingSignIns } from "../factors/factor-store.ts";
import { deleteEntriesOf } from "../oidc/entry-store.ts";
import { revokeSessions } from "./revocation-store.ts";
import type { SeenSession } from "./seen-session.ts";

export type EndReason = "SIGNED_OUT" | "PASSWORD_CHANGED" | "TOKEN_REUSED" | "REPLACED" | "TOO_MANY";

/** Where a session was used from; "" for what is not known. */
export type SeenFrom = { readonly userAgent: string; readonly network: string };

/** A random token for a client, and the hash of it that is stored. */
export type Secret = { readonly token: string; readonly hash: Buffer };

export function makeSecret(): Secret {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: hashToken(token) };
}

/** Hashes a token. Tokens have 256 random bits and cannot be guessed, so a fast hash is enough. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

export async function insertSession(
  tx: Transaction,
  session: { id: string; userId: string; expireTime: Date; authTime: Date; amr: readonly string[]; from: SeenFrom },
): Promise<void> {
  await tx.query(
    `insert into sessions (id, user_id, expire_time, auth_time, last_use_time, user_agent, network, amr)
     values ($1, $2, $3, $4, $4, $5, $6, $7)`,
    [
      ...[session.id, session.userId, session.expireTime, session.authTime],
      ...[session.from.userAgent, session.from.network, session.amr],
    ],
  );
}

/** Records that a session was used. */
export async function touchSession(
  tx: Transaction,
  { id, time, from }: { id: string; time: Date; from: SeenFrom },
): Promise<void> {
  await tx.query("update sessions set last_use_time = $2, user_agent = $3, network = $4 where id = $1", [
    id,
    time,
    from.userAgent,
    from.network,
  ]);
}

/** Ends a session that another one replaces, and refuses its access tokens. Returns false if it has ended already. */
export async function replaceSession(tx: Transaction, id: string, userId: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update sessions set end_time = now(), end_reason = 'REPLACED'
     where id = $1 and user_id = $2 and end_time is null and expire_time > now()`,
    [id, userId],
  );
  await revokeSessions(tx, rowCount === 1 ? [id] : []);
  return rowCount === 1;
}

/**
 * Ends the sessions of a user that are more than `most`, those that were used longest ago, and refuses their access tokens.
 * Returns their ids. Lock the user first: of two concurrent sign-ins each would see a session less.
 */
export async function endOldestSessions(tx: Transaction, userId: string, most: number): Promise<readonly string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `update sessions set end_time = now(), end_reason = 'TOO_MANY'
     where id in (
       select s.id from sessions s join refresh_tokens t on t.session_id = s.id and t.use_time is null
       where s.user_id = $1 and s.end_time is null and s.expire_time > now() and t.expire_time > now()
       order by s.last_use_time desc, s.id desc offset $2)
     returning id`,
    [userId, most],
  );
  const ended = rows.map(({ id }) => id);
  await revokeSessions(tx, ended);
  return ended;
}

/** Lists up to `limit` sessions of a user that have not ended, newest first. */
export async function listSessions(db: Queryable, userId: string, limit: number): Promise<SeenSession[]> {
  const { rows } = await db.query<SeenSession>(
    `select s.id, 'sagacart' as "clientId", user_agent as "userAgent", network, create_time as "createTime",
       last_use_time as "lastUseTime", s.expire_time as "expireTime"
     from sessions s join refresh_tokens t on t.session_id = s.id and t.use_time is null
     where user_id = $1 and end_time is null and s.expire_time > now() and t.expire_time > now()
     order by create_time desc, s.id desc limit $2`,
    [userId, limit],
  );
  return rows;
}

/** Returns true if this is a session of the user. */
export async function isSessionOf(db: Queryable, id: string, userId: string): Promise<boolean> {
  const { rowCount } = await db.query("select from sessions where id = $1 and user_id = $2", [id, userId]);
  return rowCount === 1;
}

export async function insertRefreshToken(
  tx: Transaction,
  token: { hash: Buffer; sessionId: string; expireTime: Date },
): Promise<void> {
  await tx.query("insert into refresh_tokens (hash, session_id, expire_time) values ($1, $2, $3)", [
    token.hash,
    token.sessionId,
    token.expireTime,
  ]);
}

export type RefreshRow = {
  readonly sessionId: string;
  readonly userId: string;
  readonly sessionExpireTime: Date;
  readonly sessionEnded: boolean;
  readonly authTime: Date;
  /** How the user proved who they are. */
  readonly amr: readonly string[];
  /** When the session was last refreshed, or opened. */
  readonly lastUseTime: Date;
  readonly expireTime: Date;
  readonly useTime: Date | undefined;
  readonly nextHash: Buffer | undefined;
  /** True if the token that it was exchanged for has been used, too. */
  readonly nextUsed: boolean;
};

/** Reads a token and locks its session, so that concurrent uses of a token are judged one after the other. */
export async function lockRefreshToken(tx: Transaction, hash: Buffer): Promise<RefreshRow | undefined> {
  const locked = await tx.query(
    `select from sessions where id = (select session_id from refresh_tokens where hash = $1) for update`,
    [hash],
  );
  if (locked.rowCount === 0) {
    return undefined;
  }
  const { rows } = await tx.query<{
    session_id: string;
    user_id: string;
    session_expire_time: Date;
    end_time: Date | null;
    auth_time: Date;
    amr: string[];
    last_use_time: Date;
    expire_time: Date;
    use_time: Date | null;
    next_hash: Buffer | null;
    next_used: boolean;
  }>(
    `select s.id as session_id, s.user_id, s.expire_time as session_expire_time, s.end_time, s.auth_time, s.amr,
       s.last_use_time,
       t.expire_time, t.use_time, t.next_hash, coalesce(n.use_time is not null, false) as next_used
     from refresh_tokens t join sessions s on s.id = t.session_id left join refresh_tokens n on n.hash = t.next_hash
     where t.hash = $1`,
    [hash],
  );
  return rows.map((row) => ({
    sessionId: row.session_id,
    userId: row.user_id,
    sessionExpireTime: row.session_expire_time,
    sessionEnded: row.end_time !== null,
    authTime: row.auth_time,
    amr: row.amr,
    lastUseTime: row.last_use_time,
    expireTime: row.expire_time,
    useTime: row.use_time ?? undefined,
    nextHash: row.next_hash ?? undefined,
    nextUsed: row.next_used,
  }))[0];
}

/** Marks a token as exchanged for the next one. Insert that one afterwards: a session has at most one unused token. */
export async function useRefreshToken(tx: Transaction, hash: Buffer, nextHash: Buffer, time: Date): Promise<void> {
  await tx.query("update refresh_tokens set use_time = coalesce(use_time, $3), next_hash = $2 where hash = $1", [
    hash,
    nextHash,
    time,
  ]);
}

/** Ends a session unless it has ended already, and refuses its access tokens. */
export async function endSession(tx: Transaction, id: string, reason: EndReason): Promise<void> {
  const { rowCount } = await tx.query(
    "update sessions set end_time = now(), end_reason = $2 where id = $1 and end_time is null",
    [id, reason],
  );
  if (rowCount === 1) {
    await revokeSessions(tx, [id]);
  }
}

/** Ends all sessions of a user except one (if given), those of OpenID Connect included, and refuses their access tokens. */
export async function endSessions(
  tx: Transaction,
  { userId, except, reason }: { userId: string; except?: string | undefined; reason: EndReason },
): Promise<void> {
  const { rows: ended } = await tx.query<{ id: string }>(
    `update sessions set end_time = now(), end_reason = $3
     where user_id = $1 and end_time is null and ($2::text is null or id <> $2) returning id`,
    [userId, except ?? null, reason],
  );
  await deletePendingSignIns(tx, userId);
  const grants = await deleteEntriesOf(tx, userId);
  await revokeSessions(tx, [...ended.map(({ id }) => id), ...grants]);
}

/** Finds the session of a token, used or not. */
export async function findSessionOf(
  db: Queryable,
  hash: Buffer,
): Promise<{ sessionId: string; userId: string } | undefined> {
  const { rows } = await db.query<{ sessionId: string; userId: string }>(
    `select s.id as "sessionId", s.user_id as "userId"
     from refresh_tokens t join sessions s on s.id = t.session_id where t.hash = $1`,
    [hash],
  );
  return rows[0];
}
