import type { Queryable, Transaction } from "@sagacart/chassis/postgres";
import type { Cart, CartLine, CartState } from "./cart.ts";

/** A cart as it is stored, with its lines. */
export type CartRow = Cart;

/** A cart without its lines. */
export type CartHead = Omit<Cart, "lines">;

/** The carts with these ids that there are, by id: each of one moment, and not locked. */
export async function loadCarts(db: Queryable, ids: readonly string[]): Promise<Map<string, CartRow>> {
  const { rows } = await db.query<JoinedRow>({
    name: "load-carts",
    text: `select ${headColumns}, ${lineColumns} from carts c left join cart_lines l on l.cart_id = c.id
           where c.id = any($1) order by c.id, l.line_number`,
    values: [ids],
  });
  return toCarts(rows);
}

/** Locks the carts with these ids that there are, in the order of their ids. */
export async function lockCarts(tx: Transaction, ids: readonly string[]): Promise<Map<string, CartHead>> {
  const { rows } = await tx.query<HeadRow>({
    name: "lock-carts",
    text: `select ${headColumns} from carts c where c.id = any($1) order by c.id for update`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toHead(row)]));
}

/** The ids of the default carts of those of these customers who have one, by customer. */
export async function findDefaultCarts(db: Queryable, customerIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ id: string; customer_id: string }>({
    name: "find-default-carts",
    text: "select id, customer_id from carts where customer_id = any($1) and is_default",
    values: [customerIds],
  });
  return new Map(rows.map((row) => [row.customer_id, row.id]));
}

/** Says that orders were made of carts, which the caller has locked. One statement, whatever their number. */
export async function markCheckingOut(
  tx: Transaction,
  carts: readonly { readonly cartId: string; readonly orderId: string }[],
): Promise<void> {
  await tx.query({
    name: "mark-checking-out",
    text: `update carts c
           set state = 'CHECKING_OUT', order_id = m.order_id, last_failure_reason = '',
               version = c.version + 1, update_time = now()
           from unnest($1::text[], $2::text[]) as m (id, order_id) where c.id = m.id`,
    values: [carts.map(({ cartId }) => cartId), carts.map(({ orderId }) => orderId)],
  });
}

type HeadRow = {
  id: string;
  customer_id: string;
  name: string;
  state: CartState;
  is_default: boolean;
  version: bigint;
  order_id: string | null;
  last_failure_reason: string;
  create_time: Date;
  update_time: Date;
};

type LineRow = {
  product_id: string;
  quantity: number;
  sku: string;
  title: string;
  currency: string;
  unit_price_minor: bigint;
};

/** A cart with one of its lines; or with none, when it is empty. */
type JoinedRow = HeadRow & (LineRow | { [column in keyof LineRow]: null });

const headColumns = `c.id, c.customer_id, c.name, c.state, c.is_default, c.version, c.order_id,
  c.last_failure_reason, c.create_time, c.update_time`;

const lineColumns = "l.product_id, l.quantity, l.sku, l.title, l.currency, l.unit_price_minor";

/** In the order of the rows. */
function toCarts(rows: readonly JoinedRow[]): Map<string, CartRow> {
  const carts = new Map<string, CartHead & { lines: CartLine[] }>();
  for (const row of rows) {
    let cart = carts.get(row.id);
    if (cart === undefined) {
      cart = { ...toHead(row), lines: [] };
      carts.set(row.id, cart);
    }
    if (row.product_id !== null) {
      cart.lines.push(toLine(row));
    }
  }
  return carts;
}

function toHead(row: HeadRow): CartHead {
  return {
    id: row.id,
    customerId: row.customer_id,
    name: row.name,
    state: row.state,
    isDefault: row.is_default,
    version: row.version,
    orderId: row.order_id ?? undefined,
    lastFailureReason: row.last_failure_reason,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

function toLine(row: LineRow): CartLine {
  return {
    productId: row.product_id,
    quantity: row.quantity,
    sku: row.sku,
    title: row.title,
    currency: row.currency,
    unitPriceMinor: row.unit_price_minor,
  };
}
