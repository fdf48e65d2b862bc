import { type Unnest, unnest } from "@sagacart/chassis/postgres/unnest";
import type { Cart, CartLine, CartState } from "./cart.ts";

/** A cart without its lines. */
export type CartHead = Omit<Cart, "lines">;

/** A row of carts. */
export type HeadRow = {
  id: string;
  customer_id: string | null;
  guest_token_hash: Buffer | null;
  name: string;
  state: CartState;
  is_default: boolean;
  version: bigint;
  order_id: string | null;
  last_failure_reason: string;
  merged_into: string | null;
  create_time: Date;
  update_time: Date;
};

/** A row of cart_lines. */
export type LineRow = {
  product_id: string;
  quantity: number;
  sku: string;
  title: string;
  currency: string;
  unit_price_minor: bigint;
};

/** A cart joined with one of its lines, or with nulls if it is empty. */
export type JoinedRow = HeadRow & (LineRow | { [column in keyof LineRow]: null });

/** The columns of a HeadRow, from carts as c. */
export const headColumns = `c.id, c.customer_id, c.guest_token_hash, c.name, c.state, c.is_default, c.version,
  c.order_id, c.last_failure_reason, c.merged_into, c.create_time, c.update_time`;

/** The columns of a LineRow, from cart_lines as l. */
export const lineColumns = "l.product_id, l.quantity, l.sku, l.title, l.currency, l.unit_price_minor";

/** Assembles carts from joined rows, in the order of the rows. */
export function toCarts(rows: readonly JoinedRow[]): Map<string, Cart> {
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

export function toHead(row: HeadRow): CartHead {
  return {
    id: row.id,
    customerId: row.customer_id ?? "",
    guestTokenHash: row.guest_token_hash ?? undefined,
    name: row.name,
    state: row.state,
    isDefault: row.is_default,
    version: row.version,
    orderId: row.order_id ?? undefined,
    lastFailureReason: row.last_failure_reason,
    mergedInto: row.merged_into ?? undefined,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

export function toLine(row: LineRow): CartLine {
  return {
    productId: row.product_id,
    quantity: row.quantity,
    sku: row.sku,
    title: row.title,
    currency: row.currency,
    unitPriceMinor: row.unit_price_minor,
  };
}

/** A line of a cart, to be written. */
export type PlacedLine = { readonly cartId: string; readonly line: CartLine; readonly index: number };

/** The table of lines to be written; its first parameter is `first`. */
export function linesTable(alias: string, first: number): Unnest<PlacedLine> {
  return unnest<PlacedLine>(
    alias,
    {
      cart_id: ["text", ({ cartId }) => cartId],
      line_number: ["int", ({ index }) => index + 1],
      product_id: ["text", ({ line }) => line.productId],
      quantity: ["int", ({ line }) => line.quantity],
      sku: ["text", ({ line }) => line.sku],
      title: ["text", ({ line }) => line.title],
      currency: ["text", ({ line }) => line.currency],
      unit_price_minor: ["bigint", ({ line }) => line.unitPriceMinor],
    },
    first,
  );
}

/** The lines of a cart with their places. */
export function placed(cartId: string, lines: readonly CartLine[]): PlacedLine[] {
  return lines.map((line, index) => ({ cartId, line, index }));
}
