import type { Queryable } from "@sagacart/chassis/postgres/pool";

const expired = {
  // Their refresh tokens go with them. An ended session is kept until it expires: a token of it must not look unknown.
  sessions: "expire_time < now()",
  password_resets: "expire_time < now()",
  email_tokens: "expire_time < now()",
  pending_sign_ins: "expire_time < now()",
  passkey_challenges: "expire_time < now()",
  factors: "confirm_time is null and create_time < now() - interval '1 day'",
  oidc_entries: "expire_time < now()",
  revocations: "expire_time < now()",
  throttles: "update_time < now() - interval '1 day'",
};

/** Deletes up to `limit` expired rows of each table. Returns the largest number deleted from one table. */
export async function deleteExpired(db: Queryable, limit: number): Promise<number> {
  let most = 0;
  for (const [table, condition] of Object.entries(expired)) {
    const { rowCount } = await db.query(
      `delete from ${table} where ctid = any(array(select ctid from ${table} where ${condition} limit $1))`,
      [limit],
    );
    most = Math.max(most, rowCount ?? 0);
  }
  return most;
}
