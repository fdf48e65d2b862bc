import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { CartLine, LeftOutLine } from "./cart.ts";
import { linesTable, placed } from "./cart-row.ts";

/** A cart to be inserted. */
export type NewCart = {
  readonly id: string;
  readonly customerId: string;
  readonly name: string;
  readonly lines: readonly CartLine[];
  /** The lines of the duplicated cart that this one lacks. */
  readonly leftOut?: readonly LeftOutLine[];
};

const linesOfCart = linesTable("l", 6);

/** The result of an insert. RACED: another cart of the customer was made at the same time; try again. */
export type Inserted = "MADE" | "EXISTS" | "TOO_MANY" | "RACED";

/**
 * Inserts a cart, as the default one if the customer has no cart that is open or being checked out. The customer may
 * have at most `maxOpen` such carts, this one included.
 */
export async function insertCart(db: Queryable, cart: NewCart, maxOpen: number): Promise<Inserted> {
  const { rows } = await db.query<{ made: boolean; taken: boolean; open: bigint }>({
    name: "insert-cart",
    text: `with open as (
             select count(*) as n from (
               select from carts where customer_id = $2 and state in ('OPEN', 'CHECKING_OUT') limit $4) as found
           ), made as (
             insert into carts (id, customer_id, name, is_default, left_out)
             select $1, $2, $3, n = 0, $5::jsonb from open where n < $4
             on conflict do nothing returning id
           ), lines as (
             insert into cart_lines (${linesOfCart.columns}) select l.* from made join ${linesOfCart.table} on true
           )
           select exists (select from made) as made, exists (select from carts where id = $1) as taken, n as open
           from open`,
    values: [
      cart.id,
      cart.customerId,
      cart.name,
      maxOpen,
      cart.leftOut === undefined ? null : JSON.stringify(cart.leftOut),
      ...linesOfCart.values(placed(cart.id, cart.lines)),
    ],
  });
  const [row] = rows;
  if (row?.made === true) {
    return "MADE";
  }
  if (row?.taken === true) {
    return "EXISTS";
  }
  // A cart that was committed during this statement, with this id or as the default, is visible to the next one only.
  return row !== undefined && row.open >= BigInt(maxOpen) ? "TOO_MANY" : "RACED";
}

/** Loads the lines that a duplicate lacks; none for a cart that is not a duplicate. */
export async function loadLeftOut(db: Queryable, id: string): Promise<readonly LeftOutLine[]> {
  const { rows } = await db.query<{ left_out: readonly LeftOutLine[] | null }>({
    name: "load-left-out",
    text: "select left_out from carts where id = $1",
    values: [id],
  });
  return rows[0]?.left_out ?? [];
}

/** A guest's cart to be inserted. */
export type NewGuestCart = Pick<NewCart, "id" | "lines"> & { readonly guestTokenHash: Buffer };

const linesOfGuestCart = linesTable("l", 3);

/** Inserts a guest's cart, whose id is new. */
export async function insertGuestCart(db: Queryable, cart: NewGuestCart): Promise<void> {
  await db.query({
    name: "insert-guest-cart",
    text: `with made as (
             insert into carts (id, guest_token_hash) values ($1, $2)
           )
           insert into cart_lines (${linesOfGuestCart.columns}) select * from ${linesOfGuestCart.table}`,
    values: [cart.id, cart.guestTokenHash, ...linesOfGuestCart.values(placed(cart.id, cart.lines))],
  });
}

/** Inserts an empty default cart, unless the customer has a default one. */
export async function insertDefaultCart(db: Queryable, id: string, customerId: string): Promise<void> {
  await db.query({
    name: "insert-default-cart",
    text: `insert into carts (id, customer_id, is_default) values ($1, $2, true)
           on conflict (customer_id) where is_default do nothing`,
    values: [id, customerId],
  });
}

const putHeads = unnest<NewCart>("new", {
  id: ["text", ({ id }) => id],
  customer_id: ["text", ({ customerId }) => customerId],
  name: ["text", ({ name }) => name],
});
const putLines = linesTable("l", 1);

/**
 * Inserts carts, or overwrites those with the same ids, whichever customer had them. An overwritten cart stays the
 * default only if its customer stays the same. Returns the ids of carts that are being checked out; these stay as they
 * are. Three statements, however many carts.
 */
export async function putCarts(tx: Transaction, carts: readonly NewCart[]): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>({
    name: "put-carts",
    text: `insert into carts (${putHeads.columns}) select * from ${putHeads.table} order by id
           on conflict (id) do update
           set customer_id = excluded.customer_id, name = excluded.name, state = 'OPEN', order_id = null,
               guest_token_hash = null, merged_into = null, left_out = null, merge = null,
               last_failure_reason = '', version = carts.version + 1, update_time = now(),
               idle_check_time = coalesce(carts.idle_check_time, now() + interval '1 hour'),
               is_default = carts.is_default and carts.customer_id = excluded.customer_id,
               create_time = case when carts.state = 'OPEN' then carts.create_time else now() end
           where carts.state <> 'CHECKING_OUT' returning id`,
    values: putHeads.values(carts),
  });
  const written = new Set(rows.map(({ id }) => id));
  const lines = carts.filter(({ id }) => written.has(id)).flatMap(({ id, lines }) => placed(id, lines));
  await tx.query({
    name: "drop-cart-lines",
    text: "delete from cart_lines where cart_id = any($1)",
    values: [[...written]],
  });
  await tx.query({
    name: "insert-cart-lines",
    text: `insert into cart_lines (${putLines.columns}) select * from ${putLines.table}`,
    values: putLines.values(lines),
  });
  return carts.map(({ id }) => id).filter((id) => !written.has(id));
}
