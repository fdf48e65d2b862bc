import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import type { JWK } from "jose";

/** A key as stored, with its private half encrypted. */
export type StoredKey = {
  readonly id: string;
  readonly publicJwk: JWK;
  readonly encryptedPrivateKey: Buffer;
  readonly signTime: Date;
  /** Of a key that was replaced before its time: the time until its tokens are refused, in ms; negative since they are. */
  readonly refusedInMs?: number | undefined;
};

/** Reads all keys, the latest sign time first. */
export async function readKeys(db: Pool | Transaction): Promise<StoredKey[]> {
  const { rows } = await db.query<KeyRow>(
    `select id, public_jwk, private_key, sign_time,
       (extract(epoch from revoke_time - clock_timestamp()) * 1000)::float8 as refused_in_ms
     from signing_keys order by sign_time desc`,
  );
  return rows.map((row) => ({
    id: row.id,
    publicJwk: row.public_jwk,
    encryptedPrivateKey: row.private_key,
    signTime: row.sign_time,
    refusedInMs: row.refused_in_ms ?? undefined,
  }));
}

type KeyRow = { id: string; public_jwk: JWK; private_key: Buffer; sign_time: Date; refused_in_ms: number | null };

export async function insertKey(tx: Transaction, key: StoredKey): Promise<void> {
  await tx.query("insert into signing_keys (id, public_jwk, private_key, sign_time) values ($1, $2, $3, $4)", [
    key.id,
    JSON.stringify(key.publicJwk),
    key.encryptedPrivateKey,
    key.signTime,
  ]);
}

export async function deleteKeys(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query("delete from signing_keys where id = any($1)", [ids]);
}

/** Has the tokens of all keys that are there refused in `graceMs`; those that are refused earlier stay so. */
export async function revokeKeys(tx: Transaction, graceMs: number): Promise<void> {
  await tx.query(
    `update signing_keys set revoke_time = clock_timestamp() + $1 * interval '1 millisecond' where revoke_time is null`,
    [graceMs],
  );
}

/** Locks the keys until the transaction ends, so that only one replica changes them. */
export async function lockKeys(tx: Transaction): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtext('identity.signing_keys'))");
}

/** Runs `fn` in a transaction in which the keys are locked. */
export async function withKeysLocked<T>(pool: Pool, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  return await withTransaction(pool, async (tx) => {
    await lockKeys(tx);
    return await fn(tx);
  });
}
