import { DomainError } from "@sagacart/chassis/errors";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { reasons } from "../reasons.ts";
import { foldEmail, foldName } from "./fold.ts";
import { exactKey } from "./fold-store.ts";
import type { Role, User } from "./user.ts";

type Row = {
  id: string;
  username: string;
  email: string;
  email_verified: boolean;
  pending_email: string;
  has_operator_password: boolean | null;
  phone: string;
  roles: Role[];
  version: bigint;
  token_version: bigint;
  create_time: Date;
  update_time: Date;
};

const columns = `id, username, email, email = verified_email as email_verified, pending_email, phone, roles, version,
                 token_version, has_operator_password, create_time, update_time`;

function toUser(row: Row): User {
  const { id, username, email, phone, roles, version } = row;
  return {
    ...{ id, username, email, phone, roles, version },
    isEmailVerified: row.email_verified,
    pendingEmail: row.pending_email,
    hasOperatorPassword: row.has_operator_password ?? undefined,
    tokenVersion: Number(row.token_version),
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

export type NewUser = Pick<User, "id" | "username" | "email" | "phone" | "roles" | "hasOperatorPassword"> & {
  readonly passwordHash: string;
};

/** Creates a user, whose address is not verified. Throws USERNAME_TAKEN, also if a concurrent transaction took the name. */
export async function insertUser(tx: Transaction, user: NewUser): Promise<void> {
  await refusingTaken(user, () =>
    tx.query(
      `insert into users (id, username, username_key, email, email_key, phone, roles, password_hash, has_operator_password)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        ...[user.id, user.username, foldName(user.username), user.email, foldEmail(user.email), user.phone, user.roles],
        ...[user.passwordHash, user.hasOperatorPassword],
      ],
    ),
  );
}

/** Throws EMAIL_TAKEN if a user has this address. Concurrent calls for one address wait for each other. */
export async function refuseTakenEmail(tx: Transaction, email: string): Promise<void> {
  const key = foldEmail(email);
  await tx.query("select pg_advisory_xact_lock(hashtextextended('email ' || $1, 0))", [key]);
  const { rowCount } = await tx.query(
    "select from users where email_key = $1 or (email_key is null and lower(email) = lower($2)) limit 1",
    [key, email],
  );
  if (rowCount !== 0) {
    throw new DomainError(reasons, "EMAIL_TAKEN", "this e-mail address is taken");
  }
}

/** Finds the user who has verified this address. */
export async function findEmailOwner(db: Queryable, email: string): Promise<User | undefined> {
  const { rows } = await db.query<Row>(
    `select ${columns} from users
     where email = verified_email and (email_key = $1 or (email_key is null and lower(email) = lower($2)))`,
    [foldEmail(email), email],
  );
  return rows.map(toUser)[0];
}

export async function findUser(db: Queryable, id: string): Promise<User | undefined> {
  const { rows } = await db.query<Row>(`select ${columns} from users where id = $1`, [id]);
  return rows.map(toUser)[0];
}

export type UserWithPassword = { readonly user: User; readonly passwordHash: string };

/**
 * Finds a user by name or e-mail address, as fold.ts compares them. Names have no `@`. An address is that of the user who has
 * verified it; while nobody has, of the first who gave it.
 */
export async function findByLogin(db: Queryable, login: string): Promise<UserWithPassword | undefined> {
  const column = login.includes("@") || login.includes("＠") ? "email" : "username";
  const key = column === "email" ? foldEmail(login) : foldName(login);
  return await findWithPassword(
    db,
    `${column}_key in ($1, $2) or (${column}_key is null and lower(${column}) = lower($3))
     order by coalesce(${column}_key = $2, false) desc, email = verified_email desc, create_time, id limit 1`,
    [key, exactKey(login), login],
  );
}

export async function findPassword(db: Queryable, id: string): Promise<UserWithPassword | undefined> {
  return await findWithPassword(db, "id = $1", [id]);
}

async function findWithPassword(
  db: Queryable,
  where: string,
  values: readonly string[],
): Promise<UserWithPassword | undefined> {
  const { rows } = await db.query<Row & { password_hash: string }>(
    `select ${columns}, password_hash from users where ${where}`,
    [...values],
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
     where ($1 = '' or username_key in ($7, $8) or (username_key is null and lower(username) = lower($1)))
       and ($2 = '' or email_key in ($9, $10) or (email_key is null and lower(email) = lower($2)))
       and ($3 = '' or $3 = any(roles))
       and ($4::timestamptz is null or (create_time, id) > ($4, $5))
     order by create_time, id limit $6`,
    [
      ...[filter.username, filter.email, filter.role, time, id, limit],
      ...[foldName(filter.username), exactKey(filter.username), foldEmail(filter.email), exactKey(filter.email)],
    ],
  );
  return rows.map(toUser);
}

/**
 * Changes the fields that are given. Returns the user before and after, or undefined if the user does not exist or has
 * another version; no version matches any. A new e-mail address is pending; the present one ends what is pending.
 */
export async function updateUser(
  tx: Transaction,
  { id, email, phone, version }: { id: string; email?: string; phone?: string; version?: bigint },
): Promise<{ before: User; after: User } | undefined> {
  const before = await lockUser(tx, id);
  if (before === undefined || (version !== undefined && version !== before.version)) {
    return undefined;
  }
  const { rows } = await tx.query<Row>(
    `update users set pending_email = case when $2::text is null then pending_email when $2 = email then '' else $2 end,
       phone = coalesce($3, phone), version = version + 1, update_time = now()
     where id = $1 returning ${columns}`,
    [id, email ?? null, phone ?? null],
  );
  return rows.map((row) => ({ before, after: toUser(row) }))[0];
}

/**
 * Records that someone has proven to receive mail at the user's address. Returns the user if that is new. Changes nothing if
 * the address is another user's by now, or with EMAIL_TAKEN if it becomes that at the same time.
 */
export async function verifyEmail(tx: Transaction, id: string): Promise<User | undefined> {
  const { rows } = await refusingTaken({ username: "" }, () =>
    tx.query<Row>(
      `update users u set verified_email = email, version = version + 1, update_time = now()
       where id = $1 and verified_email <> email and not exists (
         select from users o where o.id <> u.id and o.email_key = u.email_key and o.email = o.verified_email)
       returning ${columns}`,
      [id],
    ),
  );
  return rows.map(toUser)[0];
}

/**
 * Sets the user's address to one that was proven to be theirs. The reset tokens that were sent to another one are void.
 * Throws EMAIL_TAKEN if it is another user's.
 */
export async function moveEmail(tx: Transaction, id: string, email: string): Promise<User | undefined> {
  const { rows } = await refusingTaken({ username: "" }, () =>
    tx.query<Row>(
      `update users set email = $2, email_key = $3, verified_email = $2, pending_email = '', version = version + 1,
         update_time = now()
       where id = $1 returning ${columns}`,
      [id, email, foldEmail(email)],
    ),
  );
  await tx.query("delete from password_resets where user_id = $1", [id]);
  return rows.map(toUser)[0];
}

/** Finds a user and locks the row until the transaction ends. */
export async function lockUser(tx: Transaction, id: string): Promise<User | undefined> {
  const { rows } = await tx.query<Row>(`select ${columns} from users where id = $1 for no key update`, [id]);
  return rows.map(toUser)[0];
}

export async function updatePassword(
  db: Queryable,
  id: string,
  { passwordHash, hasOperatorPassword }: { passwordHash: string; hasOperatorPassword: boolean },
): Promise<void> {
  await db.query("update users set password_hash = $2, has_operator_password = $3, update_time = now() where id = $1", [
    id,
    passwordHash,
    hasOperatorPassword,
  ]);
}

/** Sets roles. Throws LAST_OPERATOR if nobody would be left who can set roles, and OPERATOR_PASSWORD_TOO_SHORT. */
export async function updateRoles(
  tx: Transaction,
  { id, roles, version }: { id: string; roles: readonly Role[]; version: bigint | undefined },
): Promise<User | undefined> {
  await keepAnOperator(tx, id, roles.includes("operator"));
  const before = await lockUser(tx, id);
  if (roles.includes("operator") && before?.roles.includes("operator") === false && !before.hasOperatorPassword) {
    const message = "the password is too short or too common for an operator; the user has to change it first";
    throw new DomainError(reasons, "OPERATOR_PASSWORD_TOO_SHORT", message, { id });
  }
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

async function refusingTaken<T>(user: { username: string }, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const constraint = error instanceof Error && "constraint" in error ? error.constraint : undefined;
    if (constraint === "users_username" || constraint === "users_username_key") {
      const { username } = user;
      throw new DomainError(reasons, "USERNAME_TAKEN", `the user name ${username} is taken`, { username });
    }
    if (constraint === "users_verified_email" || constraint === "users_verified_email_key") {
      throw new DomainError(reasons, "EMAIL_TAKEN", "this e-mail address is taken");
    }
    throw error;
  }
}
