import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Actor, type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  type OrderRefund,
  OrderRefund_Source,
  OrderRefund_State,
  OrderRefundSchema,
} from "@sagacart/proto/order/v1/order";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { reasons } from "../reasons.ts";
import type { RefundNews, RefundSource } from "./refund.ts";

/** The fingerprint of a refund, if it exists, and the sum of the order's refunds that have not failed. */
export async function findRefunds(
  tx: Transaction,
  orderId: string,
  refundId: string,
): Promise<{ fingerprint: Buffer | undefined; claimedMinor: bigint }> {
  const { rows } = await tx.query<{ fingerprint: Buffer | null; claimed: bigint }>(
    `select (select fingerprint from order_refunds where order_id = $1 and id = $2) as fingerprint,
            coalesce(sum(amount_minor) filter (where state <> 'FAILED'), 0)::bigint as claimed
     from order_refunds where order_id = $1`,
    [orderId, refundId],
  );
  return { fingerprint: rows[0]?.fingerprint ?? undefined, claimedMinor: rows[0]?.claimed ?? 0n };
}

/** A refund to be recorded, PENDING. */
export type NewRefund = {
  readonly orderId: string;
  readonly refundId: string;
  readonly paymentRefundId: string;
  readonly fingerprint: Uint8Array;
  readonly amountMinor: bigint;
  /** Pay back what is left of the payment if that is less. */
  readonly atMost: boolean;
  /** For the shop's people only. */
  readonly reason: string;
  /** The reason that the customer is told. */
  readonly publicReason: string;
  readonly actor: Actor;
};

export async function insertRefund(tx: Transaction, refund: NewRefund): Promise<void> {
  await tx.query(
    `insert into order_refunds (order_id, id, payment_refund_id, fingerprint, amount_minor, at_most, reason,
                                public_reason, actor_kind, actor_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...[refund.orderId, refund.refundId, refund.paymentRefundId, refund.fingerprint, refund.amountMinor],
      ...[refund.atMost, refund.reason, refund.publicReason, refund.actor.kind, refund.actor.id],
    ],
  );
}

type Row = ActorRow & {
  id: string;
  order_id: string;
  amount_minor: bigint;
  currency: string;
  reason: string;
  public_reason: string;
  state: "PENDING" | "SUCCEEDED" | "FAILED";
  failure_reason: string;
  payment_refund_id: string;
  source: RefundSource;
  at_most: boolean;
  create_time: Date;
  update_time: Date;
};

const select = `select r.id, r.order_id, r.amount_minor, o.currency, r.reason, r.state, r.failure_reason,
                       r.payment_refund_id, r.source, r.at_most, r.public_reason, r.actor_kind, r.actor_id,
                       r.create_time, r.update_time
                from order_refunds r join orders o on o.id = r.order_id`;

/** Loads one refund of an order. Throws REFUND_NOT_FOUND. */
export async function loadRefund(db: Queryable, orderId: string, refundId: string): Promise<OrderRefund> {
  const { rows } = await db.query<Row>(`${select} where r.order_id = $1 and r.id = $2`, [orderId, refundId]);
  const row = rows[0];
  if (row === undefined) {
    const message = `order ${orderId} has no refund ${refundId}`;
    throw new DomainError(reasons, "REFUND_NOT_FOUND", message, { order_id: orderId, refund_id: refundId });
  }
  return toRefund(row);
}

/** Loads the refunds of an order, oldest first, at most 200. */
export async function loadRefunds(db: Queryable, orderId: string): Promise<OrderRefund[]> {
  const { rows } = await db.query<Row>(`${select} where r.order_id = $1 order by r.create_time, r.id limit 200`, [
    orderId,
  ]);
  return rows.map(toRefund);
}

/** The outcome of a refund. */
export type Outcome = {
  readonly orderId: string;
  readonly refundId: string;
  readonly state: "SUCCEEDED" | "FAILED";
  readonly failureReason: string;
  /** The amount that was paid back; absent: the amount that was asked for. */
  readonly amountMinor?: bigint | undefined;
};

/** Ends a refund that is PENDING and returns what it is about; undefined if it is not PENDING. */
export async function saveOutcome(
  tx: Transaction,
  { orderId, refundId, state, failureReason, amountMinor }: Outcome,
): Promise<{ amountMinor: bigint; publicReason: string } | undefined> {
  const { rows } = await tx.query<{ amountMinor: bigint; publicReason: string }>(
    `update order_refunds
     set state = $3, failure_reason = $4, amount_minor = coalesce($5, amount_minor), update_time = now()
     where order_id = $1 and id = $2 and state = 'PENDING'
     returning amount_minor as "amountMinor", public_reason as "publicReason"`,
    [orderId, refundId, state, failureReason, amountMinor ?? null],
  );
  return rows[0];
}

/**
 * Records that the payment service made a refund of an order that the caller has locked: of the refund that was asked for
 * here, or of a new one, which gets the payment service's id if that is free. Returns undefined if it was recorded before.
 */
export async function saveSuccess(
  tx: Transaction,
  orderId: string,
  { paymentRefundId, source, amountMinor, reason }: RefundNews,
): Promise<{ refundId: string; source: RefundSource; publicReason: string } | undefined> {
  const { rows: known } = await tx.query<{ id: string; source: RefundSource; state: string; public_reason: string }>(
    "select id, source, state, public_reason from order_refunds where payment_refund_id = $1",
    [paymentRefundId],
  );
  const [refund] = known;
  if (refund?.state === "SUCCEEDED") {
    return undefined;
  }
  if (refund !== undefined) {
    await tx.query(
      `update order_refunds set state = 'SUCCEEDED', failure_reason = '', amount_minor = $2, update_time = now()
       where payment_refund_id = $1`,
      [paymentRefundId, amountMinor],
    );
    return { refundId: refund.id, source: refund.source, publicReason: refund.public_reason };
  }
  for (const refundId of [paymentRefundId, uuidv7()]) {
    // No request has this fingerprint, so a request with this id is refused.
    const { rowCount } = await tx.query(
      `insert into order_refunds (order_id, id, payment_refund_id, fingerprint, amount_minor, reason, state, source)
       values ($1, $2, $3, '', $4, $5, 'SUCCEEDED', $6) on conflict (order_id, id) do nothing`,
      [orderId, refundId, paymentRefundId, amountMinor, reason, source],
    );
    if (rowCount === 1) {
      return { refundId, source, publicReason: "" };
    }
  }
  throw new Error(`refund ${paymentRefundId} of order ${orderId} found no free id`);
}

/** Adds to the refunded sum of an order that the caller has locked, for which it appends an event. */
export async function addRefunded(tx: Transaction, orderId: string, amountMinor: bigint): Promise<void> {
  await tx.query(
    `update orders set refunded_minor = refunded_minor + $2, sequence = sequence + 1, update_time = now()
     where id = $1`,
    [orderId, amountMinor],
  );
}

function toRefund(row: Row): OrderRefund {
  const requestedBy = actorMessage(row.actor_kind, row.actor_id);
  return create(OrderRefundSchema, {
    id: row.id,
    orderId: row.order_id,
    amount: create(MoneySchema, { currencyCode: row.currency, minorUnits: row.amount_minor }),
    reason: row.reason,
    publicReason: row.public_reason,
    ...(requestedBy === undefined ? {} : { requestedBy }),
    state: OrderRefund_State[row.state],
    failureReason: row.failure_reason,
    paymentRefundId: row.payment_refund_id,
    source: OrderRefund_Source[row.source],
    atMost: row.at_most,
    createTime: timestampFromDate(row.create_time),
    updateTime: timestampFromDate(row.update_time),
  });
}
