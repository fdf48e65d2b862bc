import { DomainError } from "@sagacart/chassis/errors";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { reasons } from "../reasons.ts";
import type { Role, User } from "./user.ts";

type Row = {
  id: string;
  username: string;
  email: string;
  email_verified: boolean;
  phone: string;
  roles: Role[];
  version: bigint;
  token_version: bigint;
  create_time: Date;
  update_time: Date;
};

const columns = `id, username, email, email = verified_email as email_verified, phone, roles, version, token_version,
                 create_time, update_time`;

function toUser(row: Row): User {
  const { id, username, email, phone, roles, version } = row;
  return {
    ...{ id, username, email, phone, roles, version },
    isEmailVerified: row.email_verified,
    tokenVersion: Number(row.token_version),
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

export type NewUser = Pick<User, "id" | "username" | "email" | "phone" | "roles"> & { readonly passwordHash: string };

/** Creates a user. Throws USERNAME_TAKEN or EMAIL_TAKEN, also if a concurrent transaction took it. */
export async function insertUser(tx: Transaction, user: NewUser): Promise<void> {
  await refusingTaken(user, () =>
    tx.query(`insert into users (id, username, email, phone, roles, password_hash) values ($1, $2, $3, $4, $5, $6)`, [
      user.id,
      user.username,
      user.email,
      user.phone,
      user.roles,
      user.passwordHash,
    ]),
  );
}

export async function findUser(db: Queryable, id: string): Promise<User | undefined> {
  const { rows } = await db.query<Row>(`select ${columns} from users where id = $1`, [id]);
  return rows.map(toUser)[0];
}

export type UserWithPassword = { readonly user: User; readonly passwordHash: string };

/** Finds a user by name or e-mail address, in any case. Names have no `@`. */
export async function findByLogin(db: Queryable, login: string): Promise<UserWithPassword | undefined> {
  const column = login.includes("@") ? "email" : "username";
  return await findWithPassword(db, `lower(${column}) = lower($1)`, login);
}

export async function findPassword(db: Queryable, id: string): Promise<UserWithPassword | undefined> {
  return await findWithPassword(db, "id = $1", id);
}

async function findWithPassword(db: Queryable, where: string, value: string): Promise<UserWithPassword | undefined> {
  const { rows } = await db.query<Row & { password_hash: string }>(
    `select ${columns}, password_hash from users where ${where}`,
    [value],
  );
  return rows.map((row) => ({ user: toUser(row), passwordHash: row.password_hash }))[0];
}

export type UserFilter = { username: string; email: string; role: string };

/** Lists users that match the filter, oldest first, after the one with this creation time and id. "" matches any. */
export async function listUsers(
  db: Queryable,
  filter: UserFilter,
  { after, limit }: { after: readonly [Date, string] | undefined; limit: number },
): Promise<User[]> {
  const [time, id] = after ?? [null, null];
  const { rows } = await db.query<Row>(
    `select ${columns} from users
     where ($1 = '' or lower(username) = lower($1)) and ($2 = '' or lower(email) = lower($2))
       and ($3 = '' or $3 = any(roles))
       and ($4::timestamptz is null or (create_time, id) > ($4, $5))
     order by create_time, id limit $6`,
    [filter.username, filter.email, filter.role, time, id, limit],
  );
  return rows.map(toUser);
}

/**
 * Changes the fields that are given. Returns the user before and after, or undefined if the user does not exist or has
 * another version; no version matches any. A new e-mail address voids the reset tokens that were sent to the old one, and
 * is not verified. Throws EMAIL_TAKEN.
 */
export async function updateUser(
  tx: Transaction,
  { id, email, phone, version }: { id: string; email?: string; phone?: string; version?: bigint },
): Promise<{ before: User; after: User } | undefined> {
  const before = await lockUser(tx, id);
  if (before === undefined || (version !== undefined && version !== before.version)) {
    return undefined;
  }
  const { rows } = await refusingTaken({ username: "", email: email ?? "" }, () =>
    tx.query<Row>(
      `update users set email = coalesce($2, email), phone = coalesce($3, phone), version = version + 1,
         verified_email = case when $2 <> email then '' else verified_email end, update_time = now()
       where id = $1 returning ${columns}`,
      [id, email ?? null, phone ?? null],
    ),
  );
  if (email !== undefined) {
    await tx.query("delete from password_resets where user_id = $1", [id]);
  }
  return rows.map((row) => ({ before, after: toUser(row) }))[0];
}

/** Records that someone has proven to receive mail at the user's address. Returns the user if that is new. */
export async function verifyEmail(tx: Transaction, id: string): Promise<User | undefined> {
  const { rows } = await tx.query<Row>(
    `update users set verified_email = email, version = version + 1, update_time = now()
     where id = $1 and verified_email <> email returning ${columns}`,
    [id],
  );
  return rows.map(toUser)[0];
}

/** Finds a user and locks the row until the transaction ends. */
export async function lockUser(tx: Transaction, id: string): Promise<User | undefined> {
  const { rows } = await tx.query<Row>(`select ${columns} from users where id = $1 for no key update`, [id]);
  return rows.map(toUser)[0];
}

export async function updatePassword(db: Queryable, id: string, passwordHash: string): Promise<void> {
  await db.query("update users set password_hash = $2, update_time = now() where id = $1", [id, passwordHash]);
}

/** Sets roles. Throws LAST_OPERATOR if nobody would be left who can set roles. */
export async function updateRoles(
  tx: Transaction,
  { id, roles, version }: { id: string; roles: readonly Role[]; version: bigint | undefined },
): Promise<User | undefined> {
  await keepAnOperator(tx, id, roles.includes("operator"));
  const { rows } = await tx.query<Row>(
    `update users set roles = $2, version = version + 1, update_time = now()
     where id = $1 and ($3::bigint is null or version = $3) returning ${columns}`,
    [id, roles, version ?? null],
  );
  return rows.map(toUser)[0];
}

/** Deletes a user; an undefined version matches any. Returns false if there is none. Throws LAST_OPERATOR. */
export async function deleteUser(tx: Transaction, id: string, version: bigint | undefined): Promise<boolean> {
  await keepAnOperator(tx, id, false);
  const { rowCount } = await tx.query("delete from users where id = $1 and ($2::bigint is null or version = $2)", [
    id,
    version ?? null,
  ]);
  return rowCount === 1;
}

async function keepAnOperator(tx: Transaction, id: string, stays: boolean): Promise<void> {
  if (stays) {
    return;
  }
  // Lock all operators: two that demote each other at once would each still see the other.
  const { rows } = await tx.query<{ id: string }>(
    "select id from users where 'operator' = any(roles) order by id for update",
  );
  if (rows.length === 1 && rows[0]?.id === id) {
    throw new DomainError(
      reasons,
      "LAST_OPERATOR",
      "the last operator cannot lose the role or be deleted; make another user operator first",
      { id },
    );
  }
}

async function refusingTaken<T>(user: { username: string; email: string }, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const constraint = error instanceof Error && "constraint" in error ? error.constraint : undefined;
    if (constraint === "users_username") {
      const { username } = user;
      throw new DomainError(reasons, "USERNAME_TAKEN", `the user name ${username} is taken`, { username });
    }
    if (constraint === "users_email") {
      throw new DomainError(reasons, "EMAIL_TAKEN", "this e-mail address is taken");
    }
    throw error;
  }
}
