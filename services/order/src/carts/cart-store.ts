import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { microsOf, type TimeKey, timeOf } from "../time-key.ts";
import type { Cart, CartLine, CartState } from "./cart.ts";
import {
  type CartHead,
  type HeadRow,
  headColumns,
  type JoinedRow,
  type LineRow,
  lineColumns,
  linesTable,
  placed,
  toCarts,
  toHead,
  toLine,
} from "./cart-row.ts";

/** Loads the carts that exist, by id, without a lock. Each cart and its lines are of one moment. */
export async function loadCarts(db: Queryable, ids: readonly string[]): Promise<Map<string, Cart>> {
  const { rows } = await db.query<JoinedRow>({
    name: "load-carts",
    text: `select ${headColumns}, ${lineColumns} from carts c left join cart_lines l on l.cart_id = c.id
           where c.id = any($1) order by c.id, l.line_number`,
    values: [ids],
  });
  return toCarts(rows);
}

/** Loads the customer's default cart, if there is one. */
export async function loadDefaultCart(db: Queryable, customerId: string): Promise<Cart | undefined> {
  const { rows } = await db.query<JoinedRow>({
    name: "load-default-cart",
    text: `select ${headColumns}, ${lineColumns} from carts c left join cart_lines l on l.cart_id = c.id
           where c.customer_id = $1 and c.is_default order by l.line_number`,
    values: [customerId],
  });
  const [cart] = toCarts(rows).values();
  return cart;
}

/** Locks the carts that exist, in the order of their ids. */
export async function lockCarts(tx: Transaction, ids: readonly string[]): Promise<Map<string, CartHead>> {
  const { rows } = await tx.query<HeadRow>({
    name: "lock-carts",
    text: `select ${headColumns} from carts c where c.id = any($1) order by c.id for update`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toHead(row)]));
}

/** Loads the lines of carts that the caller has locked, by cart. */
export async function loadCartLines(tx: Transaction, ids: readonly string[]): Promise<Map<string, CartLine[]>> {
  const { rows } = await tx.query<LineRow & { cart_id: string }>({
    name: "load-cart-lines",
    text: `select l.cart_id, ${lineColumns} from cart_lines l where l.cart_id = any($1) order by l.cart_id, l.line_number`,
    values: [ids],
  });
  const lines = new Map<string, CartLine[]>(ids.map((id) => [id, []]));
  for (const row of rows) {
    lines.get(row.cart_id)?.push(toLine(row));
  }
  return lines;
}

/** Finds the ids of the customers' default carts, by customer. */
export async function findDefaultCarts(db: Queryable, customerIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ id: string; customer_id: string }>({
    name: "find-default-carts",
    text: "select id, customer_id from carts where customer_id = any($1) and is_default",
    values: [customerIds],
  });
  return new Map(rows.map((row) => [row.customer_id, row.id]));
}

type Ordered = { readonly cartId: string; readonly orderId: string };

const ordered = unnest<Ordered>("m", {
  id: ["text", ({ cartId }) => cartId],
  order_id: ["text", ({ orderId }) => orderId],
});

/** Marks carts, which the caller has locked, as being checked out by an order. */
export async function markCheckingOut(tx: Transaction, carts: readonly Ordered[]): Promise<void> {
  await tx.query({
    name: "mark-checking-out",
    text: `update carts c
           set state = 'CHECKING_OUT', order_id = m.order_id, last_failure_reason = '',
               version = c.version + 1, update_time = now()
           from ${ordered.table} where c.id = m.id`,
    values: ordered.values(carts),
  });
}

type Change = { readonly before: Cart; readonly after: Cart };

const removedLines = unnest<{ cartId: string; productId: string }>("r", {
  cart_id: ["text", ({ cartId }) => cartId],
  product_id: ["text", ({ productId }) => productId],
});
const changedLines = linesTable("l", 3);
const changedCarts = unnest<Change>(
  "n",
  {
    id: ["text", ({ after }) => after.id],
    name: ["text", ({ after }) => after.name],
    state: ["text", ({ after }) => after.state],
    is_default: ["boolean", ({ after }) => after.isDefault],
    version: ["bigint", ({ after }) => after.version],
  },
  11,
);

/** Writes the changes of carts that the caller has locked, in one statement. Returns the time of the update. */
export async function saveCarts(tx: Transaction, changes: readonly Change[]): Promise<Date> {
  const removed = changes.flatMap(({ before, after }) => {
    const kept = new Set(after.lines.map(({ productId }) => productId));
    return before.lines
      .filter(({ productId }) => !kept.has(productId))
      .map(({ productId }) => ({ cartId: after.id, productId }));
  });
  const changed = changes.flatMap(({ before, after }) =>
    placed(after.id, after.lines).filter(({ line, index }) => before.lines[index] !== line),
  );
  const { rows } = await tx.query<{ update_time: Date }>({
    name: "save-carts",
    text: `with removed as (
             delete from cart_lines l using ${removedLines.table}
             where l.cart_id = r.cart_id and l.product_id = r.product_id
           ), changed as (
             insert into cart_lines (${changedLines.columns}) select * from ${changedLines.table}
             on conflict (cart_id, product_id) do update
             set line_number = excluded.line_number, quantity = excluded.quantity, sku = excluded.sku,
                 title = excluded.title, currency = excluded.currency, unit_price_minor = excluded.unit_price_minor
           )
           update carts c set name = n.name, state = n.state, is_default = n.is_default, version = n.version,
                              update_time = now()
           from ${changedCarts.table} where c.id = n.id returning c.update_time`,
    values: [...removedLines.values(removed), ...changedLines.values(changed), ...changedCarts.values(changes)],
  });
  const [first] = rows;
  if (first === undefined || rows.length !== changes.length) {
    throw new Error(`updated ${rows.length} of ${changes.length} locked carts`);
  }
  return first.update_time;
}

/** Unsets the customer's default cart, so that this cart can become the default. Locks both. */
export async function releaseDefault(tx: Transaction, cartId: string): Promise<void> {
  const customer = "(select customer_id from carts where id = $1)";
  await tx.query(
    `select from carts where id = $1 or (is_default and customer_id = ${customer}) order by id for update`,
    [cartId],
  );
  await tx.query(
    `update carts set is_default = false, version = version + 1, update_time = now()
     where is_default and customer_id = ${customer} and id <> $1`,
    [cartId],
  );
}

/** The filter of a list of carts, and its page. */
export type CartFilter = {
  readonly customerId: string;
  readonly states: readonly CartState[];
  /** Matches part of the name, in any case; "" matches all. */
  readonly nameContains: string;
  readonly after: TimeKey | undefined;
  readonly limit: number;
};

/** Lists a page of a customer's carts, newest first, with the key of the last one if there are more. */
export async function listCarts(
  db: Queryable,
  { customerId, states, nameContains, after, limit }: CartFilter,
): Promise<{ carts: Cart[]; more: TimeKey | undefined }> {
  const { rows } = await db.query<JoinedRow & { micros: bigint }>({
    name: "list-carts",
    text: `select ${headColumns}, ${lineColumns}, ${microsOf("c.create_time")} as micros
           from (select * from carts
                 where customer_id = $1 and state = any($2) and strpos(lower(name), lower($6)) > 0
                   and ($3::bigint is null or (create_time, id) < (${timeOf("$3")}, $4))
                 order by create_time desc, id desc limit $5) as c
           left join cart_lines l on l.cart_id = c.id
           order by c.create_time desc, c.id desc, l.line_number`,
    values: [customerId, states, after?.micros ?? null, after?.id ?? "", limit + 1, nameContains],
  });
  const found = [...toCarts(rows).values()];
  const carts = found.slice(0, limit);
  const lastId = found.length > limit ? carts.at(-1)?.id : undefined;
  return { carts, more: rows.find(({ id }) => id === lastId) };
}
