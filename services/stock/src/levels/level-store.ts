import { type Actor, type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { Actor as ActorMessage } from "@sagacart/proto/type/v1/actor";
import type { Line } from "../reservations/reservation.ts";

/** A product's stock level. `deleted` means that nothing more may be reserved. */
export type Level = {
  readonly productId: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly deleted: boolean;
};

export type MovementReason = "RECEIPT" | "CORRECTION" | "RETURN" | "SALE";

/** A change of what is on hand; `reference` is the reservation of a SALE, or free text. */
export type NewMovement = {
  readonly productId: string;
  readonly delta: number;
  readonly reason: MovementReason;
  readonly reference: string;
};

export type Movement = NewMovement & {
  readonly id: bigint;
  readonly createTime: Date;
  /** Absent for a SALE, and for movements from before actors were recorded. */
  readonly actor: ActorMessage | undefined;
};

/** The most that a product may have on hand; it keeps sums within an integer. */
export const maxOnHand = 1_000_000_000;

/**
 * Locks the levels of these products until the transaction ends. To avoid deadlocks, every transaction locks levels in id
 * order, and after the rows of products and reservations. A level is only changed while it is locked.
 */
export async function lockLevels(tx: Transaction, productIds: Iterable<string>): Promise<Map<string, Level>> {
  const { rows } = await tx.query<LevelRow>({
    name: "lock-levels",
    text: `select product_id, on_hand, reserved, deleted from levels
           where product_id = any($1) order by product_id for no key update`,
    values: [[...new Set(productIds)]],
  });
  return new Map(
    rows.map(({ product_id, on_hand, reserved, deleted }) => [
      product_id,
      { productId: product_id, onHand: on_hand, reserved, deleted },
    ]),
  );
}

/** Creates missing levels with nothing on hand, and reopens those of deleted products. */
export async function insertLevels(tx: Transaction, productIds: readonly string[]): Promise<void> {
  await tx.query(
    `insert into levels (product_id) select * from unnest($1::text[]) as new (product_id) order by 1
     on conflict (product_id) do update set deleted = false where levels.deleted`,
    [productIds],
  );
}

/** Marks a level as deleted, so that nothing more is reserved from it. */
export async function closeLevel(tx: Transaction, productId: string): Promise<void> {
  await tx.query("update levels set deleted = true where product_id = $1", [productId]);
}

/**
 * Records movements and applies them. Nothing else changes `on_hand`, so it is always the sum of its movements. A SALE
 * also lowers `reserved`. `actor` is who moves the goods by hand; sales have none.
 */
export async function recordMovements(
  tx: Transaction,
  movements: readonly NewMovement[],
  actor?: Actor,
): Promise<void> {
  // Two statements, since sales are written for every order.
  const by = actor === undefined ? [] : [actor.kind, actor.id];
  await tx.query({
    name: actor === undefined ? "record-movements" : "record-movements-by-hand",
    text: `with movement as (
             insert into movements (${movementRows.columns}${actor === undefined ? "" : ", actor_kind, actor_id"})
             select *${actor === undefined ? "" : ", $5::text, $6::text"} from ${movementRows.table}
             returning product_id, delta, reason
           )
           update levels l set on_hand = l.on_hand + moved.delta, reserved = l.reserved + moved.sold
           from (select product_id, sum(delta)::integer as delta,
                        coalesce(sum(delta) filter (where reason = 'SALE'), 0)::integer as sold
                 from movement group by product_id) as moved
           where l.product_id = moved.product_id`,
    values: [...movementRows.values(movements), ...by],
  });
}

/** Adds lines of HELD or PINNED reservations and raises `reserved`. Nothing else raises it. */
export async function reserveLines(
  tx: Transaction,
  reservations: readonly { readonly id: string; readonly lines: readonly Line[] }[],
): Promise<void> {
  const lines = reservations.flatMap(({ id, lines }) => lines.map((line) => ({ id, ...line })));
  await tx.query({
    name: "reserve-lines",
    text: `with line as (
             insert into reservation_lines (${lineRows.columns})
             select * from ${lineRows.table}
             returning product_id, quantity
           )
           update levels l set reserved = l.reserved + wanted.quantity
           from (select product_id, sum(quantity)::integer as quantity from line group by product_id) as wanted
           where l.product_id = wanted.product_id`,
    values: lineRows.values(lines),
  });
}

/** Lowers `reserved` by the lines of these reservations. The caller moves them to a state that holds nothing. */
export async function releaseLines(tx: Transaction, reservationIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "release-lines",
    text: `update levels l set reserved = l.reserved - held.quantity
           from (select product_id, sum(quantity)::integer as quantity
                 from reservation_lines where reservation_id = any($1) group by product_id) as held
           where l.product_id = held.product_id`,
    values: [reservationIds],
  });
}

/** Lowers `reserved` of a product by a quantity; the caller shortens the lines that held it. */
export async function releaseQuantity(tx: Transaction, productId: string, quantity: number): Promise<void> {
  await tx.query("update levels set reserved = reserved - $2 where product_id = $1", [productId, quantity]);
}

/** Lists movements of a product, newest first, starting below the id `beforeId`. */
export async function listMovements(
  db: Queryable,
  { productId, beforeId, limit }: { productId: string; beforeId: bigint; limit: number },
): Promise<Movement[]> {
  const { rows } = await db.query<MovementRow>(
    `select id, product_id, delta, reason, reference, actor_kind, actor_id, create_time from movements
     where product_id = $1 and id < $2 order by id desc limit $3`,
    [productId, beforeId, limit],
  );
  return rows.map(({ id, product_id, delta, reason, reference, actor_kind, actor_id, create_time }) => ({
    id,
    productId: product_id,
    delta,
    reason,
    reference,
    createTime: create_time,
    actor: actorMessage(actor_kind, actor_id),
  }));
}

const movementRows = unnest<NewMovement>("new", {
  product_id: ["text", ({ productId }) => productId],
  delta: ["int", ({ delta }) => delta],
  reason: ["text", ({ reason }) => reason],
  reference: ["text", ({ reference }) => reference],
});

const lineRows = unnest<Line & { readonly id: string }>("new", {
  reservation_id: ["text", ({ id }) => id],
  product_id: ["text", ({ productId }) => productId],
  quantity: ["int", ({ quantity }) => quantity],
});

type LevelRow = { product_id: string; on_hand: number; reserved: number; deleted: boolean };

type MovementRow = ActorRow & {
  id: bigint;
  product_id: string;
  delta: number;
  reason: MovementReason;
  reference: string;
  create_time: Date;
};
