import { type Actor, type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { ChargeContent, Kind, Payment, State } from "./payment.ts";

/** Finds payments by their ids; those that do not exist are left out. */
export async function findPayments(db: Queryable, ids: readonly string[]): Promise<Map<string, Payment>> {
  const { rows } = await db.query<Row>({
    name: "find-payments",
    text: `select ${columns} from payments where id = any($1::uuid[])`,
    values: [ids],
  });
  return byId(rows);
}

/** Finds every attempt of these orders. */
export async function findByOrders(db: Queryable, orderIds: readonly string[]): Promise<Payment[]> {
  const { rows } = await db.query<Row>({
    name: "find-payments-of-orders",
    text: `select ${columns} from payments where order_id = any($1) order by order_id, attempt`,
    values: [orderIds],
  });
  return rows.map(toPayment);
}

/** Locks payments in the order of their ids, so that two transactions with the same ones do not deadlock. */
export async function lockPayments(tx: Transaction, ids: readonly string[]): Promise<Map<string, Payment>> {
  if (ids.length === 0) {
    return new Map();
  }
  const { rows } = await tx.query<Row>({
    name: "lock-payments",
    text: `select ${columns} from payments where id = any($1::uuid[]) order by id for update`,
    values: [ids],
  });
  return byId(rows);
}

/** Locks every attempt of these orders. */
export async function lockByOrders(tx: Transaction, orderIds: readonly string[]): Promise<Payment[]> {
  const { rows } = await tx.query<Row>({
    name: "lock-payments-of-orders",
    text: `select ${columns} from payments where order_id = any($1) order by id for update`,
    values: [orderIds],
  });
  return rows.map(toPayment);
}

export type NewPayment = {
  readonly id: string;
  /** Absent in a payment without an order. */
  readonly order: { readonly orderId: string; readonly attempt: number } | undefined;
  /** Absent in a tombstone. */
  readonly charge: ChargeContent | undefined;
  readonly reference: string;
  readonly state: State;
  readonly declineReason: string;
  /** PENDING: when the provider is asked if the process that recorded it is gone by then. */
  readonly askInMs: number | null;
};

/**
 * Records payments, and returns the ids of those that it recorded: not one whose attempt exists already, or whose order
 * has another live attempt. A payment that is not PENDING has its first event.
 */
export async function insertPayments(tx: Transaction, payments: readonly NewPayment[]): Promise<ReadonlySet<string>> {
  if (payments.length === 0) {
    return new Set();
  }
  const { rows } = await tx.query<{ id: string }>({
    name: "insert-payments",
    text: `insert into payments (id, kind, order_id, attempt, customer_id, currency, amount_minor, payment_method,
                                 reference, state, decline_reason, captured_minor, next_ask_time, event_sequence)
           select id, case when order_id is null then 'MANUAL' else 'ORDER' end, order_id, attempt, customer_id,
                  currency, amount, method, reference, state, decline_reason,
                  case state when 'CAPTURED' then amount else 0 end,
                  now() + ask_ms * interval '1 ms', case state when 'PENDING' then 0 else 1 end
           from ${newPayments.table}
           on conflict do nothing
           returning id`,
    values: newPayments.values(payments),
  });
  return new Set(rows.map(({ id }) => id));
}

const newPayments = unnest<NewPayment>("new", {
  id: ["uuid", ({ id }) => id],
  order_id: ["text", ({ order }) => order?.orderId],
  attempt: ["int", ({ order }) => order?.attempt],
  customer_id: ["text", ({ charge }) => charge?.customerId],
  currency: ["char(3)", ({ charge }) => charge?.currency],
  amount: ["bigint", ({ charge }) => charge?.amountMinor],
  method: ["text", ({ charge }) => charge?.paymentMethod ?? ""],
  reference: ["text", ({ reference }) => reference],
  state: ["text", ({ state }) => state],
  decline_reason: ["text", ({ declineReason }) => declineReason],
  ask_ms: ["int", ({ askInMs }) => askInMs],
});

/** Records who makes a payment by hand. */
export async function setPaymentActor(tx: Transaction, id: string, actor: Actor): Promise<void> {
  await tx.query("update payments set actor_kind = $2, actor_id = $3 where id = $1", [id, actor.kind, actor.id]);
}

/** A change of a payment that the caller has locked. */
export type Change = Pick<
  Payment,
  | "id"
  | "state"
  | "declineReason"
  | "capturedMinor"
  | "refundedMinor"
  | "disputedMinor"
  | "providerChargeId"
  | "eventSequence"
> & {
  /** When to ask the provider (again); null if it is not to be asked. */
  readonly askInMs: number | null;
};

export async function updatePayments(tx: Transaction, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) {
    return;
  }
  await tx.query({
    name: "update-payments",
    text: `update payments p
           set state = n.state, decline_reason = n.decline_reason, captured_minor = n.captured,
               refunded_minor = n.refunded, disputed_minor = n.disputed, provider_charge_id = n.charge_id,
               event_sequence = n.sequence,
               next_ask_time = now() + n.ask_ms * interval '1 ms', update_time = now()
           from ${changedPayments.table}
           where p.id = n.id`,
    values: changedPayments.values(changes),
  });
}

const changedPayments = unnest<Change>("n", {
  id: ["uuid", ({ id }) => id],
  state: ["text", ({ state }) => state],
  decline_reason: ["text", ({ declineReason }) => declineReason],
  captured: ["bigint", ({ capturedMinor }) => capturedMinor],
  refunded: ["bigint", ({ refundedMinor }) => refundedMinor],
  disputed: ["bigint", ({ disputedMinor }) => disputedMinor],
  charge_id: ["text", ({ providerChargeId }) => providerChargeId],
  sequence: ["bigint", ({ eventSequence }) => eventSequence],
  ask_ms: ["int", ({ askInMs }) => askInMs],
});

/** Lists the newest payments before this one, of an order, of a customer, or ("") of all. */
export async function listPayments(
  db: Queryable,
  { orderId, customerId, beforeId, limit }: { orderId: string; customerId: string; beforeId: string; limit: number },
): Promise<Payment[]> {
  // Two statements each, and not "or": each is a range of one index.
  const ofOrder = orderId === "" ? "$1 = ''" : "order_id = $1";
  const ofCustomer = customerId === "" ? "$2 = ''" : "customer_id = $2";
  const { rows } = await db.query<Row>({
    text: `select ${columns} from payments where ${ofOrder} and ${ofCustomer} and id < $3::uuid
           order by id desc limit $4`,
    values: [orderId, customerId, beforeId, limit],
  });
  return rows.map(toPayment);
}

type Row = ActorRow & {
  id: string;
  kind: Kind;
  order_id: string | null;
  attempt: number | null;
  customer_id: string | null;
  currency: string | null;
  amount_minor: bigint | null;
  payment_method: string;
  state: State;
  decline_reason: string;
  captured_minor: bigint;
  refunded_minor: bigint;
  disputed_minor: bigint;
  provider_charge_id: string;
  asks: number;
  is_open: boolean;
  event_sequence: bigint;
  create_time: Date;
  update_time: Date;
};

const columns = `id, kind, order_id, attempt, customer_id, currency, amount_minor, payment_method, state,
                 decline_reason, captured_minor, refunded_minor, disputed_minor, provider_charge_id, asks,
                 next_ask_time is not null as is_open, event_sequence, actor_kind, actor_id, create_time,
                 update_time`;

function byId(rows: readonly Row[]): Map<string, Payment> {
  return new Map(rows.map((row) => [row.id, toPayment(row)]));
}

function toPayment(row: Row): Payment {
  const { customer_id: customerId, currency, amount_minor: amountMinor } = row;
  return {
    id: row.id,
    kind: row.kind,
    orderId: row.order_id ?? "",
    attempt: row.attempt ?? 0,
    charge:
      customerId === null || currency === null || amountMinor === null
        ? undefined
        : { customerId, currency, amountMinor, paymentMethod: row.payment_method },
    state: row.state,
    declineReason: row.decline_reason,
    capturedMinor: row.captured_minor,
    refundedMinor: row.refunded_minor,
    disputedMinor: row.disputed_minor,
    providerChargeId: row.provider_charge_id,
    asks: row.asks,
    isOpen: row.is_open,
    eventSequence: row.event_sequence,
    createdBy: actorMessage(row.actor_kind, row.actor_id),
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
