import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** A confirmed second factor, as its user sees it. */
export type SeenFactor = {
  readonly id: string;
  readonly kind: "TOTP" | "PASSKEY";
  readonly name: string;
  readonly createTime: Date;
  readonly lastUseTime: Date | null;
};

/** A factor with its encrypted secret. */
export type TotpRow = { readonly id: string; readonly secret: Buffer; readonly lastStep: bigint };

export async function insertFactor(
  db: Queryable,
  factor: { id: string; userId: string; name: string; secret: Buffer; secretKeyId: string; confirmTime?: Date },
): Promise<void> {
  await db.query(
    `insert into factors (id, user_id, kind, name, secret, secret_key_id, confirm_time)
     values ($1, $2, 'TOTP', $3, $4, $5, $6)`,
    [factor.id, factor.userId, factor.name, factor.secret, factor.secretKeyId, factor.confirmTime ?? null],
  );
}

/** Lists factors whose secrets another key encrypted, by id. */
export async function findFormerSecrets(
  db: Queryable,
  { keyId, after, limit }: { keyId: string; after: string; limit: number },
): Promise<{ readonly id: string; readonly secret: Buffer }[]> {
  const { rows } = await db.query<{ id: string; secret: Buffer }>(
    // Two ranges, which the index finds; "not equal" reads all.
    `select id, secret from factors where (secret_key_id < $1 or secret_key_id > $1) and id > $2 order by id limit $3`,
    [keyId, after, limit],
  );
  return rows;
}

/** Replaces the encrypted secret of a factor, unless it was replaced meanwhile. */
export async function replaceSecret(
  db: Queryable,
  id: string,
  former: Buffer,
  { secret, secretKeyId }: { secret: Buffer; secretKeyId: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    "update factors set secret = $3, secret_key_id = $4 where id = $1 and secret = $2",
    [id, former, secret, secretKeyId],
  );
  return rowCount === 1;
}

/** Lists the confirmed factors of a user, oldest first. */
export async function listFactors(db: Queryable, userId: string): Promise<SeenFactor[]> {
  const { rows } = await db.query<SeenFactor>(
    `select id, kind, name, create_time as "createTime", last_use_time as "lastUseTime" from factors
     where user_id = $1 and confirm_time is not null
     union all select id, 'PASSKEY', name, create_time, last_use_time from passkeys where user_id = $1
     order by "createTime", id`,
    [userId],
  );
  return rows;
}

const hasAny = `(exists (select from factors where user_id = $1 and confirm_time is not null)
  or exists (select from passkeys where user_id = $1))`;

export async function hasFactor(db: Queryable, userId: string): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(`select ${hasAny} as found`, [userId]);
  return rows[0]?.found === true;
}

/** Counts the factors of a user, those included whose enrollment is not finished. */
export async function countFactors(db: Queryable, userId: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `select ((select count(*) from factors where user_id = $1) + (select count(*) from passkeys where user_id = $1))::int
       as count`,
    [userId],
  );
  return rows[0]?.count ?? 0;
}

/** Finds the secrets of a user's confirmed factors, or the one of a factor that is not confirmed. */
export async function findTotps(db: Queryable, userId: string, unconfirmedId?: string): Promise<TotpRow[]> {
  const { rows } = await db.query<TotpRow>(
    `select id, secret, last_step as "lastStep" from factors
     where user_id = $1 and (($2::text is null and confirm_time is not null) or (id = $2 and confirm_time is null))
     order by create_time, id`,
    [userId, unconfirmedId ?? null],
  );
  return rows;
}

/** Records the use of a code: this period and earlier ones are over. Returns false if that was so before. */
export async function useStep(tx: Transaction, id: string, step: bigint): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update factors set last_step = $2, last_use_time = now(), confirm_time = coalesce(confirm_time, now())
     where id = $1 and last_step < $2`,
    [id, step],
  );
  return rowCount === 1;
}

/** Deletes a factor, or all of a user, and the recovery codes with the last one. Returns how many factors it deleted. */
export async function deleteFactors(tx: Transaction, userId: string, id?: string): Promise<number> {
  const deleted = { factors: 0, passkeys: 0 };
  for (const table of ["factors", "passkeys"] as const) {
    const { rowCount } = await tx.query(`delete from ${table} where user_id = $1 and ($2::text is null or id = $2)`, [
      userId,
      id ?? null,
    ]);
    deleted[table] = rowCount ?? 0;
  }
  await tx.query(`delete from recovery_codes where user_id = $1 and not ${hasAny}`, [userId]);
  return deleted.factors + deleted.passkeys;
}

/** Names a factor. Does nothing if the user has no such one. */
export async function renameFactor(tx: Transaction, userId: string, id: string, name: string): Promise<void> {
  for (const table of ["factors", "passkeys"] as const) {
    await tx.query(`update ${table} set name = $3 where user_id = $1 and id = $2`, [userId, id, name]);
  }
}

export async function replaceRecoveryCodes(tx: Transaction, userId: string, hashes: readonly Buffer[]): Promise<void> {
  await tx.query("delete from recovery_codes where user_id = $1", [userId]);
  await tx.query("insert into recovery_codes (user_id, hash) select $1, unnest($2::bytea[])", [userId, hashes]);
}

/** Uses up a recovery code. Returns false if the user has no such code. */
export async function useRecoveryCode(tx: Transaction, userId: string, hash: Buffer): Promise<boolean> {
  const { rowCount } = await tx.query("delete from recovery_codes where user_id = $1 and hash = $2", [userId, hash]);
  return rowCount === 1;
}

export async function countRecoveryCodes(db: Queryable, userId: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    "select count(*)::int as count from recovery_codes where user_id = $1",
    [userId],
  );
  return rows[0]?.count ?? 0;
}

export async function insertPendingSignIn(
  db: Queryable,
  pending: { hash: Buffer; userId: string; expireTime: Date },
): Promise<void> {
  await db.query("insert into pending_sign_ins (hash, user_id, expire_time) values ($1, $2, $3)", [
    pending.hash,
    pending.userId,
    pending.expireTime,
  ]);
}

/** Finds the user of a sign-in that waits for its second factor. */
export async function findPendingSignIn(db: Queryable, hash: Buffer, now: Date): Promise<string | undefined> {
  const { rows } = await db.query<{ userId: string }>(
    'select user_id as "userId" from pending_sign_ins where hash = $1 and expire_time > $2',
    [hash, now],
  );
  return rows[0]?.userId;
}

/** Ends a sign-in that waits. Returns false if it had ended. */
export async function deletePendingSignIn(tx: Transaction, hash: Buffer): Promise<boolean> {
  const { rowCount } = await tx.query("delete from pending_sign_ins where hash = $1", [hash]);
  return rowCount === 1;
}

/** Ends all sign-ins of a user that wait. */
export async function deletePendingSignIns(tx: Transaction, userId: string): Promise<void> {
  await tx.query("delete from pending_sign_ins where user_id = $1", [userId]);
}

export async function insertFactorReset(
  tx: Transaction,
  reset: { userId: string; operatorId: string; factors: number },
): Promise<void> {
  await tx.query("insert into factor_resets (user_id, operator_id, factors) values ($1, $2, $3)", [
    reset.userId,
    reset.operatorId,
    reset.factors,
  ]);
}
