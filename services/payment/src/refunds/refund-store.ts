import { type Actor, type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { isUndoRefundId, type PaidBackAmounts, type Refund, type RefundSource, type RefundState } from "./refund.ts";

export type NewRefund = {
  readonly id: string;
  readonly paymentId: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly state: Exclude<RefundState, "FAILED">;
  readonly source: RefundSource;
  /** REFUSED: why. */
  readonly failureReason?: string;
  readonly providerRefundId?: string;
  /** Pay back what is left at the provider if that is less. */
  readonly atMost?: boolean;
  /** Absent if it undoes a payment. */
  readonly actor?: Actor;
  /** PENDING: when the provider is asked if the process that recorded it is gone by then. */
  readonly askInMs: number | null;
};

/** Records refunds of payments that the caller has locked. Returns the ids of those that did not exist. */
export async function insertRefunds(tx: Transaction, refunds: readonly NewRefund[]): Promise<ReadonlySet<string>> {
  if (refunds.length === 0) {
    return new Set();
  }
  const { rows } = await tx.query<{ id: string }>({
    name: "insert-refunds",
    text: `insert into refunds (id, place, payment_id, amount_minor, reason, actor_kind, actor_id, source,
                                provider_refund_id, at_most, state, failure_reason, next_ask_time)
           select id, place, payment_id, amount, reason, actor_kind, actor_id, source, provider_refund_id, at_most,
                  state, failure_reason,
                  now() + ask_ms * interval '1 ms'
           from ${newRefunds.table}
           on conflict do nothing
           returning id`,
    values: newRefunds.values(refunds),
  });
  return new Set(rows.map(({ id }) => id));
}

const newRefunds = unnest<NewRefund>("new", {
  id: ["text", ({ id }) => id],
  place: ["uuid", () => uuidv7()],
  payment_id: ["uuid", ({ paymentId }) => paymentId],
  amount: ["bigint", ({ amountMinor }) => amountMinor],
  reason: ["text", ({ reason }) => reason],
  actor_kind: ["text", ({ actor }) => actor?.kind],
  actor_id: ["text", ({ actor }) => actor?.id],
  // That a refund undoes a payment is told by its id, also for those that older releases recorded.
  source: ["text", ({ source }) => (source === "UNDO" ? "SHOP" : source)],
  provider_refund_id: ["text", ({ providerRefundId }) => providerRefundId],
  at_most: ["boolean", ({ atMost = false }) => atMost],
  state: ["text", ({ state }) => state],
  failure_reason: ["text", ({ failureReason = "" }) => failureReason],
  ask_ms: ["int", ({ askInMs }) => askInMs],
});

/** Finds refunds by their ids; those that do not exist are left out. They change under the lock of their payment. */
export async function findRefunds(db: Queryable, ids: readonly string[]): Promise<Map<string, Refund>> {
  const { rows } = await db.query<Row>({
    name: "find-refunds",
    text: `select ${columns} from refunds r join payments p on p.id = r.payment_id where r.id = any($1)`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, toRefund(row)]));
}

/** Finds a refund of a payment by the provider's id. */
export async function findRefundOfProvider(
  db: Queryable,
  paymentId: string,
  providerRefundId: string,
): Promise<Refund | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-refund-of-provider",
    text: `select ${columns} from refunds r join payments p on p.id = r.payment_id
           where r.payment_id = $1 and r.provider_refund_id = $2`,
    values: [paymentId, providerRefundId],
  });
  return rows.map(toRefund)[0];
}

/** Finds the refunds of these payments that are PENDING or REFUSED. */
export async function findOpenRefunds(db: Queryable, paymentIds: readonly string[]): Promise<Refund[]> {
  const { rows } = await db.query<Row>({
    name: "find-open-refunds",
    text: `select ${columns} from refunds r join payments p on p.id = r.payment_id
           where r.payment_id = any($1::uuid[]) and r.state in ('PENDING', 'REFUSED')
           order by r.place`,
    values: [paymentIds],
  });
  return rows.map(toRefund);
}

/** Sums what the customers got back of these payments, by payment. */
export async function findPaidBack(
  db: Queryable,
  paymentIds: readonly string[],
): Promise<ReadonlyMap<string, PaidBackAmounts>> {
  if (paymentIds.length === 0) {
    return new Map();
  }
  const { rows } = await db.query<{ payment_id: string; paid_back: bigint; settled: bigint }>({
    name: "find-paid-back",
    text: `select payment_id, coalesce(sum(amount_minor) filter (where source <> 'HAND'), 0)::bigint as paid_back,
                  coalesce(sum(amount_minor) filter (where source = 'HAND'), 0)::bigint as settled
           from refunds where payment_id = any($1::uuid[]) and state = 'SUCCEEDED' group by payment_id`,
    values: [paymentIds],
  });
  return new Map(
    rows.map((row) => [row.payment_id, { paidBackMinor: row.paid_back, settledMinor: row.settled }] as const),
  );
}

/** Finds those of the provider's refunds of these payments that are recorded: as "payment id, provider's id". */
export async function findProviderRefunds(db: Queryable, paymentIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ key: string }>({
    name: "find-provider-refunds",
    text: `select payment_id || ' ' || provider_refund_id as key from refunds
           where payment_id = any($1::uuid[]) and provider_refund_id is not null`,
    values: [paymentIds],
  });
  return new Set(rows.map(({ key }) => key));
}

export type RefundChange = Pick<Refund, "id" | "state" | "amountMinor" | "failureReason" | "refusals"> & {
  /** When to ask the provider again; null unless the refund stays PENDING. */
  readonly askInMs: number | null;
};

export async function updateRefunds(tx: Transaction, changes: readonly RefundChange[]): Promise<void> {
  if (changes.length === 0) {
    return;
  }
  await tx.query({
    name: "update-refunds",
    text: `update refunds r
           set state = n.state, amount_minor = n.amount, failure_reason = n.failure_reason, refusals = n.refusals,
               next_ask_time = now() + n.ask_ms * interval '1 ms', update_time = now()
           from ${changedRefunds.table}
           where r.id = n.id`,
    values: changedRefunds.values(changes),
  });
}

const changedRefunds = unnest<RefundChange>("n", {
  id: ["text", ({ id }) => id],
  state: ["text", ({ state }) => state],
  amount: ["bigint", ({ amountMinor }) => amountMinor],
  failure_reason: ["text", ({ failureReason }) => failureReason],
  refusals: ["int", ({ refusals }) => refusals],
  ask_ms: ["int", ({ askInMs }) => askInMs],
});

/** Lists the newest refunds before this place, of a payment, of an order, of a customer, or ("") of all. */
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

type Row = ActorRow & {
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
  source: Exclude<RefundSource, "UNDO">;
  provider_refund_id: string | null;
  at_most: boolean;
  asks: number;
  create_time: Date;
  update_time: Date;
};

const columns = `r.id, r.place, r.payment_id, p.order_id, p.customer_id, p.currency, r.amount_minor, r.reason, r.state,
                 r.failure_reason, r.actor_kind, r.actor_id, r.source, r.provider_refund_id, r.at_most, r.refusals,
                 r.asks, r.create_time, r.update_time`;

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
    requestedBy: actorMessage(row.actor_kind, row.actor_id),
    state: row.state,
    failureReason: row.failure_reason,
    refusals: row.refusals,
    source: row.source === "SHOP" && isUndoRefundId(row.id) ? "UNDO" : row.source,
    providerRefundId: row.provider_refund_id ?? "",
    atMost: row.at_most,
    asks: row.asks,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
