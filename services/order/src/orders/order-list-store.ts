import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { Order } from "@sagacart/proto/order/v1/order";
import { microsOf, type TimeKey, timeOf } from "../time-key.ts";
import type { State } from "./order.ts";
import { type OrderRow, orderColumns } from "./order-row.ts";
import { loadOrders, withLines } from "./order-store.ts";

/** The filter of a list of orders, and its page. */
export type OrderFilter = {
  readonly customerId: string;
  readonly cartId: string;
  readonly states: readonly State[];
  readonly productId: string;
  readonly createdFrom: Date | undefined;
  readonly createdBefore: Date | undefined;
  /** The key that the page begins after. */
  readonly before: TimeKey | undefined;
  readonly limit: number;
};

export type OrderPage = {
  readonly orders: readonly Order[];
  /** The key that the next page begins after; undefined on the last page. */
  readonly next: TimeKey | undefined;
};

/** Lists orders, newest first. */
export async function listOrders(db: Queryable, filter: OrderFilter): Promise<OrderPage> {
  return filter.productId === "" ? await listAll(db, filter) : await listWithProduct(db, filter);
}

async function listAll(db: Queryable, filter: OrderFilter): Promise<OrderPage> {
  const { where, values } = conditionsOf(filter);
  const { rows } = await db.query<OrderRow & { micros: bigint }>(
    `select ${orderColumns}, ${microsOf("create_time")} as micros from orders ${where}
     order by create_time desc, id desc limit $${values.length + 1}`,
    [...values, filter.limit + 1],
  );
  const page = rows.slice(0, filter.limit);
  const orders = await withLines(db, page);
  const last = rows.length > filter.limit ? page.at(-1) : undefined;
  return { orders: inOrder(page, orders), next: last && { micros: last.micros, id: last.id } };
}

/** How many orders a page looks at to find those with a product. */
const mostLookedAt = 2_000;

/**
 * Lists the orders with a product among the next ones that match the rest of the filter. An index of lines by product would
 * make each checkout slower, and without one the search for a product that is hardly ever sold would read all orders.
 */
async function listWithProduct(db: Queryable, filter: OrderFilter): Promise<OrderPage> {
  const { where, values } = conditionsOf(filter);
  const [lookedAt, product, limit] = [1, 2, 3].map((nth) => `$${values.length + nth}`);
  const { rows } = await db.query<{ id: string; micros: bigint; found: boolean }>(
    `with looked_at as (
       select id, create_time, row_number() over (order by create_time desc, id desc) as nth
       from orders ${where} order by create_time desc, id desc limit ${lookedAt}),
     found as (
       select id, create_time from looked_at as o
       where exists (select from order_lines l where l.order_id = o.id and l.product_id = ${product})
       order by create_time desc, id desc limit ${limit})
     select id, ${microsOf("create_time")} as micros, true as found, create_time from found
     union all
     select id, ${microsOf("create_time")}, false, create_time from looked_at where nth = ${lookedAt}
     order by found desc, create_time desc, id desc`,
    [...values, mostLookedAt, filter.productId, filter.limit],
  );
  const found = rows.filter((row) => row.found);
  const last = found.length === filter.limit ? found.at(-1) : rows.find((row) => !row.found);
  const orders = await loadOrders(
    db,
    found.map(({ id }) => id),
  );
  return { orders: inOrder(found, orders), next: last && { micros: last.micros, id: last.id } };
}

function inOrder(rows: readonly { readonly id: string }[], orders: ReadonlyMap<string, Order>): Order[] {
  return rows.map(({ id }) => orders.get(id)).filter((order) => order !== undefined);
}

function conditionsOf(filter: OrderFilter): { where: string; values: unknown[] } {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const add = (value: unknown, condition: (parameter: string) => string) => {
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  if (filter.customerId !== "") {
    add(filter.customerId, (p) => `customer_id = ${p}`);
  }
  if (filter.cartId !== "") {
    add(filter.cartId, (p) => `cart_id = ${p}`);
  }
  if (filter.states.length > 0) {
    add(filter.states, (p) => `state = any(${p})`);
  }
  if (filter.createdFrom !== undefined) {
    add(filter.createdFrom, (p) => `create_time >= ${p}`);
  }
  if (filter.createdBefore !== undefined) {
    add(filter.createdBefore, (p) => `create_time < ${p}`);
  }
  if (filter.before !== undefined) {
    values.push(filter.before.micros, filter.before.id);
    conditions.push(`(create_time, id) < (${timeOf(`$${values.length - 1}`)}, $${values.length})`);
  }
  return { where: conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`, values };
}
