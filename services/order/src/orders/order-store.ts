import { create, toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { isSampled, traceIdOf } from "@sagacart/chassis/trace/traceparent";
import { type Order, type OrderChange, OrderChangeSchema } from "@sagacart/proto/order/v1/order";
import { type Address, AddressSchema } from "@sagacart/proto/type/v1/address";
import type { Dispute } from "../disputes/dispute.ts";
import { type EndsAs, type NewLine, type NewOrder, type State, stateToProto } from "./order.ts";
import { type LineRow, type OrderRow, orderColumns, toOrder } from "./order-row.ts";

const newOrders = unnest<NewOrder>("new", {
  id: ["text", ({ id }) => id],
  customer_id: ["text", ({ customerId }) => customerId],
  cart_id: ["text", ({ cartId }) => cartId],
  fingerprint: ["bytea", ({ fingerprint }) => fingerprint],
  currency: ["text", ({ currency }) => currency],
  total_minor: ["bigint", ({ totalMinor }) => totalMinor],
  payment_method: ["text", ({ paymentMethod }) => paymentMethod],
  pay_later: ["boolean", ({ payLater }) => payLater],
  expire_time: ["timestamptz", ({ expireTime }) => expireTime],
  shipping_address: ["jsonb", ({ shippingAddress }) => shippingAddress && addressJson(shippingAddress)],
  contact_email: ["text", ({ contactEmail }) => contactEmail],
  owner_workflow_id: ["text", ({ ownerWorkflowId }) => ownerWorkflowId],
  place_actor_kind: ["text", ({ actor }) => actor.kind],
  place_actor_id: ["text", ({ actor }) => actor.id],
});

const newLines = unnest<NewLine & { orderId: string; index: number }>("new", {
  order_id: ["text", ({ orderId }) => orderId],
  line_number: ["int", ({ index }) => index + 1],
  product_id: ["text", ({ productId }) => productId],
  sku: ["text", ({ sku }) => sku],
  title: ["text", ({ title }) => title],
  quantity: ["int", ({ quantity }) => quantity],
  unit_price_minor: ["bigint", ({ unitPriceMinor }) => unitPriceMinor],
});

/** Inserts the orders whose ids are free and returns those ids. Two statements, however many orders. */
export async function insertOrders(tx: Queryable, orders: readonly NewOrder[]): Promise<Set<string>> {
  const { rows } = await tx.query<{ id: string }>({
    name: "insert-orders",
    text: `insert into orders (${newOrders.columns}, state, sequence, payment_attempt, payment_pending)
           select ${newOrders.columns}, 'PENDING', 1, case when pay_later then 0 else 1 end, not pay_later
           from ${newOrders.table} order by id
           on conflict (id) do nothing returning id`,
    values: newOrders.values(orders),
  });
  const inserted = new Set(rows.map(({ id }) => id));
  const lines = orders
    .filter(({ id }) => inserted.has(id))
    .flatMap(({ id, lines }) => lines.map((line, index) => ({ ...line, orderId: id, index })));
  await tx.query({
    name: "insert-order-lines",
    text: `insert into order_lines (${newLines.columns}) select * from ${newLines.table}`,
    values: newLines.values(lines),
  });
  return inserted;
}

function addressJson(address: Address): string {
  return JSON.stringify(toJson(AddressSchema, address));
}

/** An order that the caller has locked. */
export type LockedOrder = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  readonly customerId: string;
  readonly currency: string;
  readonly totalMinor: bigint;
  readonly sequence: number;
  readonly contactEmail: string;
  readonly disputes: readonly Dispute[];
  readonly paymentAttempt: number;
  readonly paymentPending: boolean;
  readonly cancelRequested: boolean;
  readonly ownerWorkflowId: string | undefined;
};

/** Locks orders in the order of their ids, for a transaction that then locks them one by one. */
export async function lockOrders(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query({
    name: "lock-orders",
    text: "select from orders where id = any($1) order by id for update",
    values: [ids],
  });
}

/** Locks an order; undefined if it does not exist. */
export async function lockOrder(tx: Transaction, id: string): Promise<LockedOrder | undefined> {
  const { rows } = await tx.query<OrderRow & { ends_as: EndsAs | null; payment_pending: boolean }>({
    name: "lock-order",
    text: `select ${orderColumns}, ends_as, payment_pending from orders where id = $1 for update`,
    values: [id],
  });
  const [row] = rows;
  return (
    row && {
      state: row.state,
      endsAs: row.ends_as ?? undefined,
      customerId: row.customer_id,
      currency: row.currency,
      totalMinor: row.total_minor,
      sequence: row.sequence,
      contactEmail: row.contact_email,
      disputes: row.disputes ?? [],
      paymentAttempt: row.payment_attempt,
      paymentPending: row.payment_pending,
      cancelRequested: row.cancel_request_time !== null,
      ownerWorkflowId: row.owner_workflow_id ?? undefined,
    }
  );
}

/** The customer of an order and the fingerprint of the checkout that made it. */
export async function loadFingerprint(
  db: Queryable,
  orderId: string,
): Promise<{ customerId: string; fingerprint: Buffer } | undefined> {
  const { rows } = await db.query<{ customer_id: string; fingerprint: Buffer }>({
    name: "find-order-fingerprint",
    text: "select customer_id, fingerprint from orders where id = $1",
    values: [orderId],
  });
  const [row] = rows;
  return row && { customerId: row.customer_id, fingerprint: row.fingerprint };
}

/** Loads the orders that exist, by id. */
export async function loadOrders(db: Queryable, ids: readonly string[]): Promise<Map<string, Order>> {
  const { rows } = await db.query<OrderRow>({
    name: "load-orders",
    text: `select ${orderColumns} from orders where id = any($1)`,
    values: [ids],
  });
  return withLines(db, rows);
}

/** Loads the changes of an order's state after a sequence, oldest first. */
export async function loadChanges(db: Queryable, asked: readonly ChangesAfter[]): Promise<OrderChange[][]> {
  const { rows } = await db.query<ChangeRow>({
    name: "load-order-changes",
    text: `select asked.nth::integer as nth, sequence, data->>'state' as state, data->>'reason' as reason, time, traceparent
           from unnest($1::text[], $2::bigint[]) with ordinality as asked (subject, after, nth)
           join events on events.subject = asked.subject and events.sequence > asked.after
           order by asked.nth, sequence`,
    values: [asked.map(({ orderId }) => orderId), asked.map(({ after }) => after)],
  });
  const changes: OrderChange[][] = asked.map(() => []);
  for (const row of rows) {
    changes[row.nth - 1]?.push(
      create(OrderChangeSchema, {
        sequence: row.sequence,
        state: stateToProto(row.state),
        reason: row.reason ?? "",
        time: timestampFromDate(row.time),
        traceId: traceIdIn(row.traceparent ?? undefined),
      }),
    );
  }
  return changes;
}

/** Returns the id of a trace that is recorded; "" without one. */
function traceIdIn(traceparent: string | undefined): string {
  return isSampled(traceparent) ? traceIdOf(traceparent) : "";
}

type ChangeRow = {
  readonly nth: number;
  readonly sequence: bigint;
  readonly state: State;
  readonly reason: string | null;
  readonly time: Date;
  readonly traceparent: string | null;
};

/** Asks for the changes of an order after a sequence. */
export type ChangesAfter = { readonly orderId: string; readonly after: bigint };

/** Returns the reason why an attempt to pay an order was declined; undefined if it was not. */
export async function loadDecline(db: Queryable, orderId: string, attempt: number): Promise<string | undefined> {
  const { rows } = await db.query<{ reason: string }>(
    `select data->>'reason' as reason from events
     where subject = $1 and type = 'sagacart.order.payment_declined.v1' and (data->>'attempt')::integer = $2`,
    [orderId, attempt],
  );
  return rows[0]?.reason;
}

export async function withLines(db: Queryable, rows: readonly OrderRow[]): Promise<Map<string, Order>> {
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
