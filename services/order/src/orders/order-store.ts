import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import {
  type Order,
  type OrderChange,
  OrderChangeSchema,
  OrderLineSchema,
  OrderPaymentSchema,
  OrderSchema,
  type OrderShortage,
  OrderShortageSchema,
} from "@sagacart/proto/order/v1/order";
import { type Address, AddressSchema } from "@sagacart/proto/type/v1/address";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { microsOf, type TimeKey, timeOf } from "../time-key.ts";
import { type State, stateToProto } from "./order.ts";

/** A line to be recorded: what was quoted. */
export type NewLine = {
  readonly productId: string;
  readonly sku: string;
  readonly title: string;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
};

/** An order to be recorded, PENDING. */
export type NewOrder = {
  readonly id: string;
  readonly customerId: string;
  readonly cartId: string | undefined;
  readonly fingerprint: Uint8Array;
  readonly currency: string;
  readonly totalMinor: bigint;
  readonly paymentMethod: string;
  readonly payLater: boolean;
  readonly expireTime: Date | undefined;
  readonly shippingAddress: Address | undefined;
  readonly contactEmail: string;
  /** The workflow that carries it from the start. */
  readonly carrier: string | undefined;
  readonly lines: readonly NewLine[];
};

/** Records orders that are not there yet; says which were recorded. Two statements, whatever their number. */
export async function insertOrders(tx: Queryable, orders: readonly NewOrder[]): Promise<Set<string>> {
  const { rows } = await tx.query<{ id: string }>({
    name: "insert-orders",
    text: `insert into orders (id, customer_id, cart_id, fingerprint, state, sequence, currency, total_minor,
                               payment_method, pay_later, payment_attempt, payment_pending, expire_time,
                               shipping_address, contact_email, owner_workflow_id)
           select id, customer_id, cart_id, fingerprint, 'PENDING', 1, currency, total_minor,
                  payment_method, pay_later, case when pay_later then 0 else 1 end, not pay_later, expire_time,
                  shipping_address, contact_email, owner_workflow_id
           from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bigint[], $7::text[],
                       $8::boolean[], $9::timestamptz[], $10::jsonb[], $11::text[], $12::text[])
             as new (id, customer_id, cart_id, fingerprint, currency, total_minor, payment_method, pay_later,
                     expire_time, shipping_address, contact_email, owner_workflow_id)
           order by id
           on conflict (id) do nothing returning id`,
    values: [
      orders.map((order) => order.id),
      orders.map((order) => order.customerId),
      orders.map((order) => order.cartId ?? null),
      orders.map((order) => order.fingerprint),
      orders.map((order) => order.currency),
      orders.map((order) => order.totalMinor),
      orders.map((order) => order.paymentMethod),
      orders.map((order) => order.payLater),
      orders.map((order) => order.expireTime ?? null),
      orders.map(({ shippingAddress }) =>
        shippingAddress === undefined ? null : JSON.stringify(toJson(AddressSchema, shippingAddress)),
      ),
      orders.map((order) => order.contactEmail),
      orders.map((order) => order.carrier ?? null),
    ],
  });
  const inserted = new Set(rows.map(({ id }) => id));
  const lines = orders
    .filter(({ id }) => inserted.has(id))
    .flatMap(({ id, lines }) => lines.map((line, index) => ({ ...line, id, index })));
  await tx.query({
    name: "insert-order-lines",
    text: `insert into order_lines (order_id, line_number, product_id, sku, title, quantity, unit_price_minor)
           select * from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[])`,
    values: [
      lines.map((line) => line.id),
      lines.map((line) => line.index + 1),
      lines.map((line) => line.productId),
      lines.map((line) => line.sku),
      lines.map((line) => line.title),
      lines.map((line) => line.quantity),
      lines.map((line) => line.unitPriceMinor),
    ],
  });
  return inserted;
}

type OrderRow = {
  id: string;
  customer_id: string;
  cart_id: string | null;
  state: State;
  sequence: number;
  currency: string;
  total_minor: bigint;
  payment_method: string;
  pay_later: boolean;
  payment_attempt: number;
  decline_reason: string;
  shipping_address: JsonValue;
  tracking_number: string;
  contact_email: string;
  outcome_reason: string;
  outcome_detail: string;
  shortages: { productId: string; requested: number; available: number }[] | null;
  cancel_request_time: Date | null;
  expire_time: Date | null;
  refunded_minor: bigint;
  owner_workflow_id: string | null;
  create_time: Date;
  update_time: Date;
};

type LineRow = {
  order_id: string;
  product_id: string;
  sku: string;
  title: string;
  quantity: number;
  unit_price_minor: bigint;
};

const columns = `id, customer_id, cart_id, state, sequence, currency, total_minor, payment_method, pay_later,
  payment_attempt, decline_reason, shipping_address, tracking_number, contact_email, outcome_reason, outcome_detail,
  shortages, cancel_request_time, expire_time, refunded_minor, owner_workflow_id, create_time, update_time`;

/** The orders with these ids that there are, by id. */
export async function loadOrders(db: Queryable, ids: readonly string[]): Promise<Map<string, Order>> {
  const { rows } = await db.query<OrderRow>({
    name: "load-orders",
    text: `select ${columns} from orders where id = any($1)`,
    values: [ids],
  });
  return withLines(db, rows);
}

/** What a list of orders is filtered by, and where it goes on. */
export type OrderFilter = {
  readonly customerId: string;
  readonly cartId: string;
  readonly states: readonly State[];
  /** Where the page before ended. */
  readonly before: TimeKey | undefined;
  readonly limit: number;
};

/** Orders, newest first, with the key that a next page begins after. */
export async function listOrders(db: Queryable, filter: OrderFilter): Promise<{ order: Order; key: TimeKey }[]> {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const where = (condition: (parameter: string) => string, value: unknown) => {
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  if (filter.customerId !== "") {
    where((p) => `customer_id = ${p}`, filter.customerId);
  }
  if (filter.cartId !== "") {
    where((p) => `cart_id = ${p}`, filter.cartId);
  }
  if (filter.states.length > 0) {
    where((p) => `state = any(${p})`, filter.states);
  }
  if (filter.before !== undefined) {
    values.push(filter.before.micros, filter.before.id);
    conditions.push(`(create_time, id) < (${timeOf(`$${values.length - 1}`)}, $${values.length})`);
  }
  values.push(filter.limit);
  const { rows } = await db.query<OrderRow & { micros: bigint }>(
    `select ${columns}, ${microsOf("create_time")} as micros from orders
     ${conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`}
     order by create_time desc, id desc limit $${values.length}`,
    values,
  );
  const orders = await withLines(db, rows);
  return rows.flatMap((row) => {
    const order = orders.get(row.id);
    return order === undefined ? [] : [{ order, key: { micros: row.micros, id: row.id } }];
  });
}

/** The changes of an order's state after a sequence, oldest first. */
export async function loadChanges(db: Queryable, orderId: string, after: bigint): Promise<OrderChange[]> {
  const { rows } = await db.query<{ sequence: bigint; state: State; reason: string | null; time: Date }>({
    name: "load-order-changes",
    text: `select sequence, data->>'state' as state, data->>'reason' as reason, time from events
           where subject = $1 and sequence > $2 order by sequence`,
    values: [orderId, after],
  });
  return rows.map((row) =>
    create(OrderChangeSchema, {
      sequence: row.sequence,
      state: stateToProto(row.state),
      reason: row.reason ?? "",
      time: timestampFromDate(row.time),
    }),
  );
}

async function withLines(db: Queryable, rows: readonly OrderRow[]): Promise<Map<string, Order>> {
  if (rows.length === 0) {
    return new Map();
  }
  const lines = await db.query<LineRow>({
    name: "load-order-lines",
    text: `select order_id, product_id, sku, title, quantity, unit_price_minor from order_lines
           where order_id = any($1) order by order_id, line_number`,
    values: [rows.map(({ id }) => id)],
  });
  const linesOf = Map.groupBy(lines.rows, ({ order_id }) => order_id);
  return new Map(rows.map((row) => [row.id, toOrder(row, linesOf.get(row.id) ?? [])]));
}

function toOrder(row: OrderRow, lines: readonly LineRow[]): Order {
  const money = (minorUnits: bigint) => create(MoneySchema, { currencyCode: row.currency, minorUnits });
  const order = create(OrderSchema, {
    id: row.id,
    customerId: row.customer_id,
    cartId: row.cart_id ?? "",
    state: stateToProto(row.state),
    lines: lines.map((line) =>
      create(OrderLineSchema, {
        productId: line.product_id,
        sku: line.sku,
        title: line.title,
        quantity: line.quantity,
        unitPrice: money(line.unit_price_minor),
      }),
    ),
    total: money(row.total_minor),
    payment: create(OrderPaymentSchema, {
      method: row.payment_method,
      payLater: row.pay_later,
      attempt: row.payment_attempt,
      declineReason: row.decline_reason,
    }),
    trackingNumber: row.tracking_number,
    outcomeReason: row.outcome_reason,
    outcomeDetail: row.outcome_detail,
    shortages: (row.shortages ?? []).map((shortage): OrderShortage => create(OrderShortageSchema, shortage)),
    refunded: money(row.refunded_minor),
    workflowId: row.owner_workflow_id ?? "",
    sequence: BigInt(row.sequence),
    contactEmail: row.contact_email,
    createTime: timestampFromDate(row.create_time),
    updateTime: timestampFromDate(row.update_time),
  });
  if (row.shipping_address !== null) {
    order.shippingAddress = fromJson(AddressSchema, row.shipping_address);
  }
  if (row.cancel_request_time !== null) {
    order.cancelRequestTime = timestampFromDate(row.cancel_request_time);
  }
  if (row.expire_time !== null) {
    order.expireTime = timestampFromDate(row.expire_time);
  }
  return order;
}
