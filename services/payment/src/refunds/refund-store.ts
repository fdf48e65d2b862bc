import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Refund, RefundState } from "./refund.ts";

export type NewRefund = {
  readonly id: string;
  readonly paymentId: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly state: "PENDING" | "SUCCEEDED";
  /** For what is PENDING: when to ask the provider, if whoever recorded it is gone by then. */
  readonly askInMs: number | null;
};

/** Records refunds of payments that the caller has locked. Answers the ids of those that were not there. */
export async function insertRefunds(tx: Transaction, refunds: readonly NewRefund[]): Promise<ReadonlySet<string>> {
  if (refunds.length === 0) {
    return new Set();
  }
  const { rows } = await tx.query<{ id: string }>({
    name: "insert-refunds",
    text: `insert into refunds (id, place, payment_id, amount_minor, reason, state, next_ask_time)
           select id, place, payment_id, amount, reason, state, now() + ask_ms * interval '1 ms'
           from unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::int[])
             as new (id, place, payment_id, amount, reason, state, ask_ms)
           on conflict do nothing
           returning id`,
    values: [
      refunds.map(({ id }) => id),
      refunds.map(() => uuidv7()),
      refunds.map(({ paymentId }) => paymentId),
      refunds.map(({ amountMinor }) => amountMinor),
      refunds.map(({ reason }) => reason),
      refunds.map(({ state }) => state),
      refunds.map(({ askInMs }) => askInMs),
    ],
  });
  return new Set(rows.map(({ id }) => id));
}

/** Refunds by their ids; those that are not there are left out. They change under the lock of their payment. */
export async function findRefunds(db: Queryable, ids: readonly string[]): Promise<Map<string, Refund>> {
  const { rows } = await db.query<Row>({
    name: "find-refunds",
    text: `select ${columns} from refunds r join payments p on p.id = r.payment_id where r.id = any($1)`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toRefund(row)]));
}

/** The refunds of these payments that are not settled. */
export async function findPendingRefunds(db: Queryable, paymentIds: readonly string[]): Promise<Refund[]> {
  const { rows } = await db.query<Row>({
    name: "find-pending-refunds",
    text: `select ${columns} from refunds r join payments p on p.id = r.payment_id
           where r.payment_id = any($1::uuid[]) and r.state = 'PENDING'`,
    values: [paymentIds],
  });
  return rows.map(toRefund);
}

export type RefundChange = Pick<Refund, "id" | "state" | "failureReason" | "refusals"> & {
  /** For what stays PENDING. */
  readonly askInMs: number | null;
};

export async function updateRefunds(tx: Transaction, changes: readonly RefundChange[]): Promise<void> {
  if (changes.length === 0) {
    return;
  }
  await tx.query({
    name: "update-refunds",
    text: `update refunds r
           set state = n.state, failure_reason = n.failure_reason, refusals = n.refusals,
               next_ask_time = now() + n.ask_ms * interval '1 ms', update_time = now()
           from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[])
             as n (id, state, failure_reason, refusals, ask_ms)
           where r.id = n.id`,
    values: [
      changes.map(({ id }) => id),
      changes.map(({ state }) => state),
      changes.map(({ failureReason }) => failureReason),
      changes.map(({ refusals }) => refusals),
      changes.map(({ askInMs }) => askInMs),
    ],
  });
}

/** The newest refunds before this place, of a payment, an order or a customer, or ("") of all. */
export async function listRefunds(
  db: Queryable,
  options: { paymentId: string; orderId: string; customerId: string; beforePlace: string; limit: number },
): Promise<Refund[]> {
  const { paymentId, orderId, customerId, beforePlace, limit } = options;
  const ofPayment = paymentId === "" ? "$1 = ''" : "r.payment_id = $1::uuid";
  const ofOrder = orderId === "" ? "$2 = ''" : "p.order_id = $2";
  const ofCustomer = customerId === "" ? "$3 = ''" : "p.customer_id = $3";
  const { rows } = await db.query<Row>({
    text: `select ${columns} from refunds r join payments p on p.id = r.payment_id
           where ${ofPayment} and ${ofOrder} and ${ofCustomer} and r.place < $4::uuid
           order by r.place desc limit $5`,
    values: [paymentId, orderId, customerId, beforePlace, limit],
  });
  return rows.map(toRefund);
}

type Row = {
  id: string;
  place: string;
  payment_id: string;
  order_id: string | null;
  customer_id: string | null;
  currency: string;
  amount_minor: bigint;
  reason: string;
  state: RefundState;
  failure_reason: string;
  refusals: number;
  asks: number;
  create_time: Date;
  update_time: Date;
};

const columns = `r.id, r.place, r.payment_id, p.order_id, p.customer_id, p.currency, r.amount_minor, r.reason, r.state,
                 r.failure_reason, r.refusals, r.asks, r.create_time, r.update_time`;

function toRefund(row: Row): Refund {
  return {
    id: row.id,
    place: row.place,
    paymentId: row.payment_id,
    orderId: row.order_id ?? "",
    customerId: row.customer_id ?? "",
    currency: row.currency,
    amountMinor: row.amount_minor,
    reason: row.reason,
    state: row.state,
    failureReason: row.failure_reason,
    refusals: row.refusals,
    asks: row.asks,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
