import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** Stores the hash of a reset token. Without a user it stores nothing, in the same statement, so that both take as long. */
export async function insertReset(
  db: Queryable,
  reset: { hash: Buffer; userId: string | undefined; expireTime: Date },
): Promise<void> {
  await db.query(
    "insert into password_resets (hash, user_id, expire_time) select $1, id, $3 from users where id = $2",
    [reset.hash, reset.userId ?? "", reset.expireTime],
  );
}

/** Finds the user of a token that exists and has not expired. */
export async function findResetUser(db: Queryable, hash: Buffer, now: Date): Promise<string | undefined> {
  const { rows } = await db.query<{ user_id: string }>(
    "select user_id from password_resets where hash = $1 and expire_time > $2",
    [hash, now],
  );
  return rows[0]?.user_id;
}

/** Redeems a token and deletes all others of its user. Of two concurrent calls with one token, one gets the user. */
export async function redeemReset(
  tx: Transaction,
  hash: Buffer,
  now: Date,
): Promise<{ id: string; email: string; username: string } | undefined> {
  const { rows } = await tx.query<{ id: string; email: string; username: string }>(
    `with redeemed as (delete from password_resets where hash = $1 and expire_time > $2 returning user_id)
     select id, email, username from users where id = (select user_id from redeemed)`,
    [hash, now],
  );
  const [user] = rows;
  if (user !== undefined) {
    await deleteResets(tx, user.id);
  }
  return user;
}

/** Deletes the reset tokens of a user. */
export async function deleteResets(tx: Transaction, userId: string): Promise<void> {
  await tx.query("delete from password_resets where user_id = $1", [userId]);
}
