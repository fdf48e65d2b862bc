import type { Actor } from "@sagacart/chassis/auth/actor";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { fingerprint, type Line, type NewReservation, type Shortage, type State } from "./reservation.ts";

/** A reservation whose row is locked. `state` is EXPIRED once it is past its expiry: see `lapsed`. */
export type Locked = {
  readonly id: string;
  readonly state: State;
  readonly fingerprint: Buffer | null;
  readonly shortages: readonly Shortage[];
  /** Past its expiry, but still HELD in the table: its stock has yet to be released. */
  readonly lapsed: boolean;
};

// The database's clock decides, for all processes. A reservation past its expiry holds nothing for its order, even before
// the loop has released it.
const isLapsed = "(state = 'HELD' and expire_time is not null and expire_time <= clock_timestamp())";

/**
 * Inserts the reservations whose ids are new, as HELD or PINNED, or as EXPIRED if their expiry has passed. Returns their
 * states by id. Waits for a transaction that is inserting one of the same ids; in id order, as all do.
 */
export async function insertReservations(
  tx: Transaction,
  requested: readonly NewReservation[],
): Promise<Map<string, State>> {
  const { rows } = await tx.query<{ id: string; state: State }>({
    name: "insert-reservations",
    text: `insert into reservations (id, kind, fingerprint, expire_time, state)
           select id, kind, fingerprint, case when not late then expire_time end,
                  case when late then 'EXPIRED' when expire_time is null and kind = 'ORDER' then 'PINNED'
                       else 'HELD' end
           from (select id, kind, fingerprint, expire_time,
                        coalesce(expire_time <= clock_timestamp(), false) as late
                 from ${reservationRows.table}
                 order by id) as new
           on conflict (id) do nothing
           returning id, state`,
    values: reservationRows.values(requested),
  });
  return new Map(rows.map(({ id, state }) => [id, state]));
}

/** Inserts a RELEASED tombstone for each id that is not there, so that a late reservation is refused. In id order. */
export async function insertTombstones(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query({
    name: "insert-tombstones",
    text: `insert into reservations (id, kind, state)
           select id, 'ORDER', 'RELEASED' from unnest($1::text[]) as new (id) order by id
           on conflict (id) do nothing`,
    values: [ids],
  });
}

/** Locks the existing reservations among these ids until the transaction ends, in id order. */
export async function lockReservations(tx: Transaction, ids: readonly string[]): Promise<Map<string, Locked>> {
  const { rows } = await tx.query<LockedRow>({
    name: "lock-reservations",
    text: `select id, state, fingerprint, shortages, ${isLapsed} as lapsed
           from reservations where id = any($1) order by id for no key update`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toLocked(row)]));
}

/** Locks up to `limit` reservations past their expiry, the oldest first, skipping locked ones. */
export async function lockLapsed(tx: Transaction, limit: number): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>({
    name: "lock-lapsed",
    text: `select id from reservations where ${isLapsed} order by expire_time limit $1 for no key update skip locked`,
    values: [limit],
  });
  return rows.map(({ id }) => id);
}

/**
 * Locks the oldest MANUAL reservations that hold this product, except those in `except`. Returns ids only: a line read by
 * this statement could be older than the lock.
 */
export async function lockManual(
  tx: Transaction,
  { productId, except, limit }: { productId: string; except: readonly string[]; limit: number },
): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `select id from reservations r
     where kind = 'MANUAL' and state in ('HELD', 'PINNED') and not ${isLapsed} and id <> all($2)
       and exists (select from reservation_lines where reservation_id = r.id and product_id = $1)
     order by create_time, id limit $3 for no key update`,
    [productId, except, limit],
  );
  return rows.map(({ id }) => id);
}

/** Lowers each locked reservation's line for a product by its quantity `by`; a line that reaches 0 is deleted. */
export async function shrinkLines(
  tx: Transaction,
  productId: string,
  reservations: readonly { readonly id: string; readonly by: number }[],
): Promise<void> {
  const values = [productId, ...takenRows.values(reservations)];
  await tx.query(
    `delete from reservation_lines l using ${takenRows.table}
     where l.reservation_id = taken.id and l.product_id = $1 and l.quantity = taken.by`,
    values,
  );
  await tx.query(
    `update reservation_lines l set quantity = l.quantity - taken.by
     from ${takenRows.table}
     where l.reservation_id = taken.id and l.product_id = $1 and l.quantity > taken.by`,
    values,
  );
  await tx.query("update reservations set update_time = now() where id = any($1)", [values[1]]);
}

/** Pins a HELD reservation before its expiry. Returns false if it is not HELD, or past it. */
export async function pinHeld(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "pin-reservation",
    text: `update reservations set state = 'PINNED', expire_time = null, update_time = now()
           where id = $1 and state = 'HELD' and not ${isLapsed}`,
    values: [id],
  });
  return rowCount === 1;
}

/** Moves locked reservations to a state without an expiry. */
export async function setStates(tx: Transaction, ids: readonly string[], state: State): Promise<void> {
  await tx.query({
    name: "set-states",
    text: `update reservations set state = $2, expire_time = null, update_time = now() where id = any($1)`,
    values: [ids, state],
  });
}

/** Records who released these reservations by hand, or a part of them. */
export async function setActor(tx: Transaction, ids: readonly string[], actor: Actor): Promise<void> {
  await tx.query("update reservations set actor_kind = $2, actor_id = $3 where id = any($1)", [
    ids,
    actor.kind,
    actor.id,
  ]);
}

/** Records who made a reservation by hand, if this transaction inserted it. */
export async function setMaker(tx: Transaction, id: string, actor: Actor): Promise<void> {
  await tx.query("update reservations set actor_kind = $2, actor_id = $3 where id = $1 and create_time = now()", [
    id,
    actor.kind,
    actor.id,
  ]);
}

/** Marks reservations that this transaction inserted as REFUSED, with their shortages. */
export async function refuse(
  tx: Transaction,
  refusals: readonly { readonly id: string; readonly shortages: readonly Shortage[] }[],
): Promise<void> {
  await tx.query({
    name: "refuse-reservations",
    text: `update reservations r set state = 'REFUSED', expire_time = null, shortages = new.shortages
           from ${refusalRows.table} where r.id = new.id`,
    values: refusalRows.values(refusals),
  });
}

/** Returns the lines of these reservations. */
export async function findLines(db: Queryable, ids: readonly string[]): Promise<(Line & { reservationId: string })[]> {
  const { rows } = await db.query<LineRow>({
    name: "find-lines",
    text: `select reservation_id, product_id, quantity from reservation_lines where reservation_id = any($1)`,
    values: [ids],
  });
  return rows.map(({ reservation_id, product_id, quantity }) => ({
    reservationId: reservation_id,
    productId: product_id,
    quantity,
  }));
}

const reservationRows = unnest<NewReservation>("new", {
  id: ["text", ({ id }) => id],
  kind: ["text", ({ kind }) => kind],
  fingerprint: ["bytea", fingerprint],
  expire_time: ["timestamptz", ({ expireTime }) => expireTime],
});

const takenRows = unnest<{ readonly id: string; readonly by: number }>(
  "taken",
  { id: ["text", ({ id }) => id], by: ["int", ({ by }) => by] },
  2,
);

const refusalRows = unnest<{ readonly id: string; readonly shortages: readonly Shortage[] }>("new", {
  id: ["text", ({ id }) => id],
  shortages: ["jsonb", ({ shortages }) => JSON.stringify(shortages)],
});

type LockedRow = {
  id: string;
  state: State;
  fingerprint: Buffer | null;
  shortages: readonly Shortage[] | null;
  lapsed: boolean;
};

type LineRow = { reservation_id: string; product_id: string; quantity: number };

function toLocked({ id, state, fingerprint, shortages, lapsed }: LockedRow): Locked {
  return { id, state: lapsed ? "EXPIRED" : state, fingerprint, shortages: shortages ?? [], lapsed };
}
