import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** A consumer's own place in a feed, and how often it was set back. */
export type Place = { readonly position: bigint; readonly generation: bigint };

/**
 * Where a consumer keeps its place: a row of a table of its own database, so that place and effect are written in one
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
  /** Reads it, and keeps others from moving it until the transaction ends. */
  lock(tx: Transaction): Promise<Place>;
  move(tx: Transaction, position: bigint): Promise<void>;
  /** Goes where the feed says, unless it went there before. */
  setBack(db: Queryable, place: Place): Promise<void>;
};

/** The cursor in this row of this table. The migrations make both. */
export function eventCursor({ table, feed }: { table: string; feed: string }): EventCursor {
  if (!/^[a-z_]{1,63}$/.test(table)) {
    throw new Error(`${table} is no name of a table`);
  }
  const one = async (db: Queryable, name: string, text: string): Promise<Place> => {
    const { rows } = await db.query<Place>({ name: `${name}-${table}`, text, values: [feed] });
    if (rows[0] === undefined) {
      throw new Error(`the cursor of the feed ${feed} in ${table} is gone; the migrations made it`);
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
