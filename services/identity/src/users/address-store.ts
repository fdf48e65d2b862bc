import { fromJson, toJson } from "@bufbuild/protobuf";
import { DomainError } from "@sagacart/chassis/errors";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { type Address, type AddressJson, AddressSchema } from "@sagacart/proto/type/v1/address";
import { reasons } from "../reasons.ts";
import { etagMismatch } from "./update-mask.ts";
import { userNotFound } from "./user.ts";

/** An address in a user's address book. */
export type UserAddress = {
  readonly id: string;
  readonly userId: string;
  readonly address: Address;
  readonly isDefault: boolean;
  readonly version: bigint;
  readonly createTime: Date;
  readonly updateTime: Date;
};

type Row = {
  id: string;
  user_id: string;
  address: AddressJson;
  is_default: boolean;
  version: bigint;
  create_time: Date;
  update_time: Date;
};

const columns = "id, user_id, address, is_default, version, create_time, update_time";

function toUserAddress(row: Row): UserAddress {
  return {
    id: row.id,
    userId: row.user_id,
    // Ignore fields that were removed from the contract.
    address: fromJson(AddressSchema, row.address, { ignoreUnknownFields: true }),
    isDefault: row.is_default,
    version: row.version,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

const mostAddresses = 100;

/** Adds an address. The first of a user becomes the default. Throws USER_NOT_FOUND or TOO_MANY_ADDRESSES. */
export async function insertAddress(
  tx: Transaction,
  { id, userId, address, isDefault }: Pick<UserAddress, "id" | "userId" | "address" | "isDefault">,
): Promise<void> {
  await lockUser(tx, userId);
  const { rows } = await tx.query<{ count: number }>(
    "select count(*)::int as count from addresses where user_id = $1",
    [userId],
  );
  const count = rows[0]?.count ?? 0;
  if (count >= mostAddresses) {
    const message = `user ${userId} has ${mostAddresses} addresses already; delete one first`;
    throw new DomainError(reasons, "TOO_MANY_ADDRESSES", message, { user_id: userId, limit: `${mostAddresses}` });
  }
  if (isDefault) {
    await clearDefault(tx, userId);
  }
  await tx.query("insert into addresses (id, user_id, address, is_default) values ($1, $2, $3, $4)", [
    id,
    userId,
    JSON.stringify(toJson(AddressSchema, address)),
    isDefault || count === 0,
  ]);
}

export async function findAddress(db: Queryable, userId: string, id: string): Promise<UserAddress | undefined> {
  const { rows } = await db.query<Row>(`select ${columns} from addresses where user_id = $1 and id = $2`, [userId, id]);
  return rows.map(toUserAddress)[0];
}

/** Lists addresses after `afterId`, oldest first: ids sort by creation time. */
export async function listAddresses(
  db: Queryable,
  { userId, afterId, limit }: { userId: string; afterId: string; limit: number },
): Promise<UserAddress[]> {
  const { rows } = await db.query<Row>(
    `select ${columns} from addresses where user_id = $1 and id > $2 order by id limit $3`,
    [userId, afterId, limit],
  );
  return rows.map(toUserAddress);
}

/** Changes the fields that are given. Returns undefined if the address does not exist or has another version. */
export async function updateAddress(
  tx: Transaction,
  change: { userId: string; id: string; address?: Address; isDefault?: boolean; version?: bigint },
): Promise<UserAddress | undefined> {
  await lockUser(tx, change.userId);
  const current = await findAddress(tx, change.userId, change.id);
  if (current === undefined || (change.version !== undefined && change.version !== current.version)) {
    return undefined;
  }
  if (change.isDefault === true) {
    await clearDefault(tx, change.userId);
  }
  const { rows } = await tx.query<Row>(
    `update addresses set address = coalesce($3, address), is_default = coalesce($4, is_default),
       version = version + 1, update_time = now()
     where user_id = $1 and id = $2 returning ${columns}`,
    [
      change.userId,
      change.id,
      change.address === undefined ? null : JSON.stringify(toJson(AddressSchema, change.address)),
      change.isDefault ?? null,
    ],
  );
  return rows.map(toUserAddress)[0];
}

/** Deletes an address; idempotent. If it was the default, the oldest of the others becomes the default. */
export async function deleteAddress(
  tx: Transaction,
  { userId, id, version }: { userId: string; id: string; version: bigint | undefined },
): Promise<void> {
  await lockUser(tx, userId);
  const { rows } = await tx.query<{ is_default: boolean }>(
    `delete from addresses where user_id = $1 and id = $2 and ($3::bigint is null or version = $3)
     returning is_default`,
    [userId, id, version ?? null],
  );
  if (version !== undefined && rows.length === 0 && (await findAddress(tx, userId, id)) !== undefined) {
    throw etagMismatch();
  }
  if (rows[0]?.is_default === true) {
    await tx.query(
      `update addresses set is_default = true, version = version + 1, update_time = now()
       where id = (select min(id) from addresses where user_id = $1)`,
      [userId],
    );
  }
}

/** Locks the user, so that an address book is changed by one transaction at a time. Throws USER_NOT_FOUND. */
async function lockUser(tx: Transaction, userId: string): Promise<void> {
  const { rowCount } = await tx.query("select from users where id = $1 for no key update", [userId]);
  if (rowCount === 0) {
    throw userNotFound(userId);
  }
}

async function clearDefault(tx: Transaction, userId: string): Promise<void> {
  await tx.query(
    "update addresses set is_default = false, version = version + 1, update_time = now() where user_id = $1 and is_default",
    [userId],
  );
}
