import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Passkey } from "./passkeys.ts";

export type PasskeyRow = Passkey & { readonly id: string; readonly userId: string };

const columns = `id, user_id as "userId", credential_id as "credentialId", public_key as "publicKey", transports`;

/** Stores a passkey. Returns false if there is one with this credential id, whoever has it. */
export async function insertPasskey(
  tx: Transaction,
  passkey: Passkey & { id: string; userId: string; name: string; counter: number },
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into passkeys (id, user_id, name, credential_id, public_key, sign_count, transports)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (credential_id) do nothing`,
    [
      ...[passkey.id, passkey.userId, passkey.name, passkey.credentialId, passkey.publicKey],
      ...[passkey.counter, passkey.transports],
    ],
  );
  return rowCount === 1;
}

export async function findPasskeys(db: Queryable, userId: string): Promise<PasskeyRow[]> {
  const { rows } = await db.query<PasskeyRow>(
    `select ${columns} from passkeys where user_id = $1 order by create_time, id`,
    [userId],
  );
  return rows;
}

export async function findPasskey(db: Queryable, credentialId: Buffer): Promise<PasskeyRow | undefined> {
  const { rows } = await db.query<PasskeyRow>(`select ${columns} from passkeys where credential_id = $1`, [
    credentialId,
  ]);
  return rows[0];
}

/**
 * Records the use of a passkey. Returns false if its counter did not grow: the authenticator was copied, or the proof was
 * used before. Many authenticators do not count, and always say 0.
 */
export async function usePasskey(tx: Transaction, id: string, counter: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update passkeys set sign_count = $2, last_use_time = now()
     where id = $1 and (sign_count < $2 or (sign_count = 0 and $2 = 0))`,
    [id, counter],
  );
  return rowCount === 1;
}

/** A challenge that a user's browser has to answer: to enroll a passkey, or to prove one in a session. */
export type Challenge = {
  readonly hash: Buffer;
  readonly userId: string;
  readonly purpose: "ENROLL" | "CONFIRM";
  /** The id and name of the passkey to enroll. */
  readonly passkeyId: string;
  readonly name: string;
  readonly expireTime: Date;
};

/** Stores a challenge in place of the user's one for the same purpose. */
export async function putChallenge(tx: Transaction, challenge: Challenge): Promise<void> {
  await tx.query("delete from passkey_challenges where user_id = $1 and purpose = $2", [
    challenge.userId,
    challenge.purpose,
  ]);
  await tx.query(
    `insert into passkey_challenges (hash, user_id, purpose, passkey_id, name, expire_time)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      ...[challenge.hash, challenge.userId, challenge.purpose, challenge.passkeyId, challenge.name],
      challenge.expireTime,
    ],
  );
}

/** Uses up a challenge. Returns undefined if the user has no such one, or it has expired. */
export async function takeChallenge(
  tx: Transaction,
  asked: Pick<Challenge, "hash" | "userId" | "purpose"> & { now: Date },
): Promise<Pick<Challenge, "passkeyId" | "name"> | undefined> {
  const { rows } = await tx.query<{ passkeyId: string; name: string; isAlive: boolean }>(
    `delete from passkey_challenges where hash = $1 and user_id = $2 and purpose = $3
     returning passkey_id as "passkeyId", name, expire_time > $4 as "isAlive"`,
    [asked.hash, asked.userId, asked.purpose, asked.now],
  );
  return rows.filter(({ isAlive }) => isAlive)[0];
}
