import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** The effect of a token that was mailed to an address: it confirms that address, or restores it. */
export type EmailPurpose = "CONFIRM" | "UNDO";

export type EmailToken = { readonly userId: string; readonly email: string; readonly createTime: Date };

/** Stores the hash of a token. With the id of nobody it stores nothing, in the same statement, so that both take as long. */
export async function insertEmailToken(
  db: Queryable,
  token: { hash: Buffer; userId: string; purpose: EmailPurpose; email: string; expireTime: Date },
): Promise<void> {
  await db.query(
    `insert into email_tokens (hash, user_id, purpose, email, expire_time) select $1, id, $3, $4, $5 from users where id = $2`,
    [token.hash, token.userId, token.purpose, token.email, token.expireTime],
  );
}

/** Finds the user of a token that exists and has not expired. */
export async function findEmailToken(db: Queryable, hash: Buffer, purpose: EmailPurpose): Promise<string | undefined> {
  const { rows } = await db.query<{ user_id: string }>(
    "select user_id from email_tokens where hash = $1 and purpose = $2 and expire_time > now()",
    [hash, purpose],
  );
  return rows[0]?.user_id;
}

/** Deletes a token that has not expired, and returns it. Of two concurrent calls with one token, one gets it. */
export async function redeemEmailToken(
  tx: Transaction,
  hash: Buffer,
  purpose: EmailPurpose,
): Promise<EmailToken | undefined> {
  const { rows } = await tx.query<{ user_id: string; email: string; create_time: Date }>(
    `delete from email_tokens where hash = $1 and purpose = $2 and expire_time > now()
     returning user_id, email, create_time`,
    [hash, purpose],
  );
  return rows.map((row) => ({ userId: row.user_id, email: row.email, createTime: row.create_time }))[0];
}

/** Deletes the tokens by which a user confirms an address. */
export async function deleteConfirmations(tx: Transaction, userId: string): Promise<void> {
  await tx.query("delete from email_tokens where user_id = $1 and purpose = 'CONFIRM'", [userId]);
}

/**
 * Deletes the tokens that came with this one or later. Those for earlier changes stay: who took an account over, and changes
 * the address twice, cannot void what the owner got.
 */
export async function deleteLaterTokens(tx: Transaction, { userId, createTime }: EmailToken): Promise<void> {
  await tx.query("delete from email_tokens where user_id = $1 and (purpose = 'CONFIRM' or create_time >= $2)", [
    userId,
    createTime,
  ]);
}
