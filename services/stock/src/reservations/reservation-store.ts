import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { fingerprint, type Line, type Shortage, type State, type Wish } from "./reservation.ts";

/** A reservation whose row is locked. Its state is EXPIRED already when its time is over: see `lapsed`. */
export type Locked = {
  readonly id: string;
  readonly state: State;
  readonly fingerprint: Buffer | null;
  readonly shortages: readonly Shortage[];
  /** It is EXPIRED by the clock, and HELD in the table: what it holds has still to be given back. */
  readonly lapsed: boolean;
};

// One clock for everybody: the database's. What is HELD past its time is nobody's any more, swept or not.
const isLapsed = "(state = 'HELD' and expire_time is not null and expire_time <= clock_timestamp())";

/**
 * Records the wishes whose ids are new, as HELD or PINNED (or EXPIRED, where it is too late already), and answers
 * their states by id. Waits for whoever is recording one of the same ids; in the order of the ids, as everybody does.
 */
export async function insertReservations(tx: Transaction, wishes: readonly Wish[]): Promise<Map<string, State>> {
  const { rows } = await tx.query<{ id: string; state: State }>({
    name: "insert-reservations",
    text: `insert into reservations (id, kind, fingerprint, expire_time, state)
           select id, kind, fingerprint, case when not late then expire_time end,
                  case when late then 'EXPIRED' when expire_time is null and kind = 'ORDER' then 'PINNED'
                       else 'HELD' end
           from (select id, kind, fingerprint, expire_time,
                        coalesce(expire_time <= clock_timestamp(), false) as late
                 from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[])
                   as new (id, kind, fingerprint, expire_time)
                 order by id) as new
           on conflict (id) do nothing
           returning id, state`,
    values: [
      wishes.map(({ id }) => id),
      wishes.map(({ kind }) => kind),
      wishes.map(fingerprint),
      wishes.map(({ expireTime }) => expireTime),
    ],
  });
  return new Map(rows.map(({ id, state }) => [id, state]));
}

/** Records that these are released before they came; what is there already stays as it is. In the order of the ids. */
export async function insertTombstones(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query({
    name: "insert-tombstones",
    text: `insert into reservations (id, kind, state)
           select id, 'ORDER', 'RELEASED' from unnest($1::text[]) as new (id) order by id
           on conflict (id) do nothing`,
    values: [ids],
  });
}

/** The reservations with these ids that there are, locked until the transaction ends, in the order of the ids. */
export async function lockReservations(tx: Transaction, ids: readonly string[]): Promise<Map<string, Locked>> {
  const { rows } = await tx.query<LockedRow>({
    name: "lock-reservations",
    text: `select id, state, fingerprint, shortages, ${isLapsed} as lapsed
           from reservations where id = any($1) order by id for no key update`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toLocked(row)]));
}

/** Up to `limit` reservations whose time is over, the oldest first; locked, without those that others have locked. */
export async function lockLapsed(tx: Transaction, limit: number): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>({
    name: "lock-lapsed",
    text: `select id from reservations where ${isLapsed} order by expire_time limit $1 for no key update skip locked`,
    values: [limit],
  });
  return rows.map(({ id }) => id);
}

/**
 * The oldest reservations by hand that hold this product, but for `except`; locked until the transaction ends. A line
 * read here could be older than the lock, so there are only ids.
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

/** Takes a number off the line that each of these locked reservations has for a product. */
export async function shrinkLines(
  tx: Transaction,
  productId: string,
  reservations: readonly { readonly id: string; readonly by: number }[],
): Promise<void> {
  const values = [productId, reservations.map(({ id }) => id), reservations.map(({ by }) => by)];
  await tx.query(
    `delete from reservation_lines l using unnest($2::text[], $3::integer[]) as taken (id, by)
     where l.reservation_id = taken.id and l.product_id = $1 and l.quantity = taken.by`,
    values,
  );
  await tx.query(
    `update reservation_lines l set quantity = l.quantity - taken.by
     from unnest($2::text[], $3::integer[]) as taken (id, by)
     where l.reservation_id = taken.id and l.product_id = $1 and l.quantity > taken.by`,
    values,
  );
  await tx.query("update reservations set update_time = now() where id = any($1)", [values[1]]);
}

/** Pins a reservation that is HELD and whose time is not over. False when it is not so. */
export async function pinHeld(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "pin-reservation",
    text: `update reservations set state = 'PINNED', expire_time = null, update_time = now()
           where id = $1 and state = 'HELD' and not ${isLapsed}`,
    values: [id],
  });
  return rowCount === 1;
}

/** Moves locked reservations to a state in which nothing expires. */
export async function setStates(tx: Transaction, ids: readonly string[], state: State): Promise<void> {
  await tx.query({
    name: "set-states",
    text: `update reservations set state = $2, expire_time = null, update_time = now() where id = any($1)`,
    values: [ids, state],
  });
}

/** Marks reservations that this transaction recorded as REFUSED. */
export async function refuse(
  tx: Transaction,
  refusals: readonly { readonly id: string; readonly shortages: readonly Shortage[] }[],
): Promise<void> {
  await tx.query({
    name: "refuse-reservations",
    text: `update reservations r set state = 'REFUSED', expire_time = null, shortages = new.shortages
           from unnest($1::text[], $2::jsonb[]) as new (id, shortages) where r.id = new.id`,
    values: [refusals.map(({ id }) => id), refusals.map(({ shortages }) => JSON.stringify(shortages))],
  });
}

/** The lines of these reservations. */
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
