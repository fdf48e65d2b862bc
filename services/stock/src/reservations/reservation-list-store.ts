import { type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { Kind, Line, Reservation, Shortage, State } from "./reservation.ts";
import { findLines } from "./reservation-store.ts";

/** Returns a reservation by id. */
export async function findReservation(db: Queryable, id: string): Promise<Reservation | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-reservation",
    text: `select ${columns} from reservations where id = $1`,
    values: [id],
  });
  return (await withLines(db, rows))[0];
}

export type ReservationFilter = {
  /** Empty: any state. */
  readonly states: readonly State[];
  readonly kind: Kind | undefined;
  /** Only those with a line of this product. */
  readonly productId: string | undefined;
};

/** Lists the reservations that pass the filter, newest first, starting after the one with the id `beforeId`. */
export async function listReservations(
  db: Queryable,
  filter: ReservationFilter,
  { beforeId, limit }: { beforeId: string | undefined; limit: number },
): Promise<Reservation[]> {
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const conditions = ["true"];
  if (filter.states.length > 0) {
    conditions.push(`${state} = any(${value(filter.states)})`);
    // Repeats the predicate of a partial index, so that the planner uses it: few reservations are live.
    if (filter.states.every((state) => state === "HELD" || state === "PINNED")) {
      conditions.push("state in ('HELD', 'PINNED')");
    }
  }
  if (filter.kind !== undefined) {
    conditions.push(`kind = ${value(filter.kind)}`);
  }
  if (filter.productId !== undefined) {
    const productId = value(filter.productId);
    conditions.push(`exists (select from reservation_lines where reservation_id = r.id and product_id = ${productId})`);
  }
  if (beforeId !== undefined) {
    const id = value(beforeId);
    conditions.push(`(create_time, id) < ((select create_time from reservations where id = ${id}), ${id})`);
  }
  const { rows } = await db.query<Row>(
    `select ${columns} from reservations r where ${conditions.join(" and ")}
     order by create_time desc, id desc limit ${value(limit)}`,
    values,
  );
  return await withLines(db, rows);
}

type Row = ActorRow & {
  id: string;
  kind: Kind;
  state: State;
  expire_time: Date | null;
  shortages: readonly Shortage[] | null;
  create_time: Date;
  update_time: Date;
};

/** Shows a HELD reservation past its expiry as EXPIRED, before the loop has released it. */
const state = "(case when state = 'HELD' and expire_time <= clock_timestamp() then 'EXPIRED' else state end)";
const columns = `id, kind, ${state} as state, expire_time, shortages, actor_kind, actor_id,
  create_time, update_time`;

async function withLines(db: Queryable, rows: readonly Row[]): Promise<Reservation[]> {
  const lines = new Map<string, Line[]>();
  if (rows.length > 0) {
    for (const { reservationId, ...line } of await findLines(
      db,
      rows.map(({ id }) => id),
    )) {
      lines.set(reservationId, [...(lines.get(reservationId) ?? []), line]);
    }
  }
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    state: row.state,
    lines: (lines.get(row.id) ?? []).sort((a, b) => (a.productId < b.productId ? -1 : 1)),
    expireTime: row.state === "HELD" ? row.expire_time : null,
    shortages: row.shortages ?? [],
    createTime: row.create_time,
    updateTime: row.update_time,
    actor: actorMessage(row.actor_kind, row.actor_id),
  }));
}
