import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { withTransaction } from "@sagacart/chassis/postgres/pool";
import type { JWK } from "jose";

/** A key as stored, with its private half encrypted. */
export type StoredKey = {
  readonly id: string;
  readonly publicJwk: JWK;
  readonly encryptedPrivateKey: Buffer;
  readonly signTime: Date;
};

/** Reads all keys, the latest sign time first. */
export async function readKeys(db: Pool | Transaction): Promise<StoredKey[]> {
  const { rows } = await db.query<{ id: string; public_jwk: JWK; private_key: Buffer; sign_time: Date }>(
    "select id, public_jwk, private_key, sign_time from signing_keys order by sign_time desc",
  );
  return rows.map((row) => ({
    id: row.id,
    publicJwk: row.public_jwk,
    encryptedPrivateKey: row.private_key,
    signTime: row.sign_time,
  }));
}

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

/** Runs `fn` in a transaction under a lock that all replicas share, so that only one of them rotates keys. */
export async function withKeysLocked<T>(pool: Pool, fn: (tx: Transaction) => Promise<T>): Promise<T> {
  return await withTransaction(pool, async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('identity.signing_keys'))");
    return await fn(tx);
  });
}
