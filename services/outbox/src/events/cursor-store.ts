import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** A consumer's position in a feed, and how often it was set back. */
export type Place = { readonly position: bigint; readonly generation: bigint };

/**
 * A consumer's position, as a row of a table in its own database, so that position and effect are written in one
 * transaction. The table is
 *
 *     create table cursors (
 *       feed        text        primary key,
 *       position    bigint      not null default 0,
 *       generation  bigint      not null default 0,
 *       update_time timestamptz not null default now());
 */
export type EventCursor = {
  read(db: Queryable): Promise<Place>;
  /** Reads it, and locks it until the transaction ends. */
  lock(tx: Transaction): Promise<Place>;
  move(tx: Transaction, position: bigint): Promise<void>;
  /** Goes back to the feed's position, unless this generation is known already. */
  setBack(db: Queryable, place: Place): Promise<void>;
};

/** Returns the cursor for a feed's row in this table. Migrations create both. */
export function eventCursor({ table, feed }: { table: string; feed: string }): EventCursor {
  if (!/^[a-z_]{1,63}$/.test(table)) {
    throw new Error(`${table} is not a table's name`);
  }
  const one = async (db: Queryable, name: string, text: string): Promise<Place> => {
    const { rows } = await db.query<Place>({ name: `${name}-${table}`, text, values: [feed] });
    if (rows[0] === undefined) {
      throw new Error(`table ${table} has no row for the feed ${feed}; the migrations create it`);
    }
    return rows[0];
  };
  return {
    read: (db) => one(db, "read", `select position, generation from ${table} where feed = $1`),
    lock: (tx) => one(tx, "lock", `select position, generation from ${table} where feed = $1 for update`),
    async move(tx, position) {
      await tx.query({
        name: `move-${table}`,
        text: `update ${table} set position = $2, update_time = now() where feed = $1`,
        values: [feed, position],
      });
    },
    async setBack(db, { position, generation }) {
      await db.query({
        name: `set-back-${table}`,
        text: `update ${table} set position = $2, generation = $3, update_time = now()
               where feed = $1 and generation < $3`,
        values: [feed, position, generation],
      });
    },
  };
}
