import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { CartLine, LeftOutLine } from "./cart.ts";
import { lineArrays } from "./cart-row.ts";

/** A cart to be inserted. */
export type NewCart = {
  readonly id: string;
  readonly customerId: string;
  readonly name: string;
  readonly lines: readonly CartLine[];
  /** The lines of the duplicated cart that this one lacks. */
  readonly leftOut?: readonly LeftOutLine[];
};

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
             insert into cart_lines (cart_id, line_number, product_id, quantity, sku, title, currency, unit_price_minor)
             select l.* from made join unnest($6::text[], $7::int[], $8::text[], $9::int[], $10::text[], $11::text[],
                                              $12::text[], $13::bigint[])
               as l (cart_id, line_number, product_id, quantity, sku, title, currency, unit_price_minor) on true
           )
           select exists (select from made) as made, exists (select from carts where id = $1) as taken, n as open
           from open`,
    values: [
      cart.id,
      cart.customerId,
      cart.name,
      maxOpen,
      cart.leftOut === undefined ? null : JSON.stringify(cart.leftOut),
      ...lineArrays(cart.lines.map((line, index) => ({ cartId: cart.id, line, index }))),
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

/** Inserts a guest's cart, whose id is new. */
export async function insertGuestCart(db: Queryable, cart: NewGuestCart): Promise<void> {
  await db.query({
    name: "insert-guest-cart",
    text: `with made as (
             insert into carts (id, guest_token_hash) values ($1, $2)
           )
           insert into cart_lines (cart_id, line_number, product_id, quantity, sku, title, currency, unit_price_minor)
           select * from unnest($3::text[], $4::int[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[],
                                $10::bigint[])`,
    values: [
      cart.id,
      cart.guestTokenHash,
      ...lineArrays(cart.lines.map((line, index) => ({ cartId: cart.id, line, index }))),
    ],
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

/**
 * Inserts carts, or overwrites those with the same ids, whichever customer had them. An overwritten cart stays the
 * default only if its customer stays the same. Returns the ids of carts that are being checked out; these stay as they
 * are. Three statements, however many carts.
 */
export async function putCarts(tx: Transaction, carts: readonly NewCart[]): Promise<string[]> {
  const ids = carts.map(({ id }) => id);
  const { rows } = await tx.query<{ id: string }>({
    name: "put-carts",
    text: `insert into carts (id, customer_id, name)
           select * from unnest($1::text[], $2::text[], $3::text[]) as new (id, customer_id, name) order by id
           on conflict (id) do update
           set customer_id = excluded.customer_id, name = excluded.name, state = 'OPEN', order_id = null,
               guest_token_hash = null, merged_into = null, left_out = null, merge = null,
               last_failure_reason = '', version = carts.version + 1, update_time = now(),
               idle_check_time = coalesce(carts.idle_check_time, now() + interval '1 hour'),
               is_default = carts.is_default and carts.customer_id = excluded.customer_id,
               create_time = case when carts.state = 'OPEN' then carts.create_time else now() end
           where carts.state <> 'CHECKING_OUT' returning id`,
    values: [ids, carts.map(({ customerId }) => customerId), carts.map(({ name }) => name)],
  });
  const written = new Set(rows.map(({ id }) => id));
  const lines = carts
    .filter(({ id }) => written.has(id))
    .flatMap(({ id, lines }) => lines.map((line, index) => ({ cartId: id, line, index })));
  await tx.query({
    name: "drop-cart-lines",
    text: "delete from cart_lines where cart_id = any($1)",
    values: [[...written]],
  });
  await tx.query({
    name: "insert-cart-lines",
    text: `insert into cart_lines (cart_id, line_number, product_id, quantity, sku, title, currency, unit_price_minor)
           select * from unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[],
                                $8::bigint[])`,
    values: lineArrays(lines),
  });
  return ids.filter((id) => !written.has(id));
}
