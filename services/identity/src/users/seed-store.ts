import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { foldEmail, foldName } from "./fold.ts";
import type { NewUser } from "./user-store.ts";

/** Returns true if a user of this name was seeded before, even if the user was renamed or deleted since. */
export async function wasSeeded(db: Queryable, username: string): Promise<boolean> {
  const { rowCount } = await db.query("select from seeded_users where username = $1", [username]);
  return rowCount !== 0;
}

/** Records that this name is seeded. Returns false if another transaction did so first. */
export async function markSeeded(tx: Transaction, username: string): Promise<boolean> {
  const { rowCount } = await tx.query("insert into seeded_users (username) values ($1) on conflict do nothing", [
    username,
  ]);
  return rowCount !== 0;
}

/** Creates the user, whose address the configuration vouches for. Returns false if the id, the name or the e-mail address is taken. */
export async function insertUserIfFree(tx: Transaction, user: Omit<NewUser, "phone">): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into users (id, username, username_key, email, email_key, verified_email, password_hash, roles,
       has_operator_password)
     values ($1, $2, $3, $4, $5, $4, $6, $7, $8) on conflict do nothing`,
    [
      ...[user.id, user.username, foldName(user.username), user.email, foldEmail(user.email), user.passwordHash],
      ...[user.roles, user.hasOperatorPassword],
    ],
  );
  return rowCount === 1;
}

/** Lets one transaction after the other decide whether there is an operator. */
export async function lockOperators(tx: Transaction): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('first operator', 0))");
}

/** Returns true if a user is an operator. */
export async function hasOperator(db: Queryable): Promise<boolean> {
  const { rowCount } = await db.query("select from users where 'operator' = any(roles) limit 1");
  return rowCount !== 0;
}
