import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool, Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import { type OrderRefund, OrderRefund_State, OrderRefundSchema } from "@sagacart/proto/order/v1/order";
import { type RefundOrderRequest, RefundOrderRequestSchema } from "@sagacart/proto/order/v1/order_service";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import type { State } from "./order.ts";
import { reasons } from "./reasons.ts";

type OrderRow = {
  state: State;
  customer_id: string;
  currency: string;
  total_minor: bigint;
  refunded_minor: bigint;
  sequence: number;
  contact_email: string;
};

/** Records a refund, PENDING, and the command that has it carried out. Refunds of an order never exceed its total. */
export async function requestRefund(pool: Pool, request: RefundOrderRequest): Promise<{ refundId: string }> {
  const fingerprint = fingerprintOf(RefundOrderRequestSchema, request, { without: ["request_id", "wait_at_most"] });
  const scope = request.customerId || `order ${request.orderId}`;
  const { resourceId } = await once(
    pool,
    { scope, requestId: request.requestId, method: "RefundOrder", fingerprint },
    (tx) => insertRefund(tx, request, fingerprint),
  );
  return { refundId: resourceId };
}

async function insertRefund(tx: Transaction, request: RefundOrderRequest, fingerprint: Uint8Array): Promise<string> {
  const { orderId } = request;
  const order = await lockOrder(tx, orderId);
  if (order === undefined || (request.customerId !== "" && order.customer_id !== request.customerId)) {
    throw new DomainError(reasons, "ORDER_NOT_FOUND", `there is no order ${orderId}`, { order_id: orderId });
  }
  const refundId = request.refundId || uuidv7();
  const { rows } = await tx.query<{ fingerprint: Buffer | null; claimed: bigint }>(
    `select (select fingerprint from order_refunds where order_id = $1 and id = $2) as fingerprint,
            coalesce(sum(amount_minor) filter (where state <> 'FAILED'), 0)::bigint as claimed
     from order_refunds where order_id = $1`,
    [orderId, refundId],
  );
  const existing = rows[0]?.fingerprint ?? null;
  if (existing !== null) {
    if (Buffer.compare(existing, fingerprint) === 0) {
      return refundId;
    }
    const message = `refund ${refundId} of order ${orderId} was asked for before, with other content`;
    throw new DomainError(reasons, "REQUEST_ID_REUSED", message, { order_id: orderId, refund_id: refundId });
  }
  const amountMinor = refundAmount(request, order, rows[0]?.claimed ?? 0n);
  const paymentRefundId = uuidv7();
  await tx.query(
    `insert into order_refunds (order_id, id, payment_refund_id, fingerprint, amount_minor, reason)
     values ($1, $2, $3, $4, $5, $6)`,
    [orderId, refundId, paymentRefundId, fingerprint, amountMinor, request.reason],
  );
  await recordCommands(tx, [{ kind: "REFUND", subject: orderId, data: { refundId, paymentRefundId } }]);
  return refundId;
}

function refundAmount({ orderId, amount }: RefundOrderRequest, order: OrderRow, claimed: bigint): bigint {
  if (order.state !== "COMPLETED") {
    const message = `order ${orderId} is ${order.state}; only a completed order is paid back`;
    throw new DomainError(reasons, "NOT_REFUNDABLE", message, { order_id: orderId, state: order.state });
  }
  if (amount !== undefined && amount.currencyCode !== order.currency) {
    const message = `order ${orderId} was paid in ${order.currency}, not in ${amount.currencyCode}`;
    throw new DomainError(reasons, "CURRENCY_MISMATCH", message, {
      first: order.currency,
      second: amount.currencyCode,
    });
  }
  const left = order.total_minor - claimed;
  const asked = amount?.minorUnits ?? left;
  if (asked > left || left === 0n) {
    const message = `of order ${orderId} ${left} minor units are left to pay back, ${asked} were asked for`;
    throw new DomainError(reasons, "REFUND_TOO_HIGH", message, { order_id: orderId, left_minor: left.toString() });
  }
  return asked;
}

type RefundRow = {
  id: string;
  order_id: string;
  amount_minor: bigint;
  currency: string;
  reason: string;
  state: "PENDING" | "SUCCEEDED" | "FAILED";
  failure_reason: string;
  payment_refund_id: string;
  create_time: Date;
  update_time: Date;
};

const select = `select r.id, r.order_id, r.amount_minor, o.currency, r.reason, r.state, r.failure_reason,
                       r.payment_refund_id, r.create_time, r.update_time
                from order_refunds r join orders o on o.id = r.order_id`;

/** One refund of an order, or REFUND_NOT_FOUND. */
export async function loadRefund(db: Queryable, orderId: string, refundId: string): Promise<OrderRefund> {
  const { rows } = await db.query<RefundRow>(`${select} where r.order_id = $1 and r.id = $2`, [orderId, refundId]);
  const row = rows[0];
  if (row === undefined) {
    const message = `order ${orderId} has no refund ${refundId}`;
    throw new DomainError(reasons, "REFUND_NOT_FOUND", message, { order_id: orderId, refund_id: refundId });
  }
  return toRefund(row);
}

/** The refunds of an order, oldest first. */
export async function loadRefunds(db: Queryable, orderId: string): Promise<OrderRefund[]> {
  const { rows } = await db.query<RefundRow>(`${select} where r.order_id = $1 order by r.create_time, r.id limit 200`, [
    orderId,
  ]);
  return rows.map(toRefund);
}

/** Records what became of a refund. A repeat, and whatever comes after the first outcome, changes nothing. */
export async function settleRefund(
  tx: Transaction,
  refund: { orderId: string; refundId: string; state: "SUCCEEDED" | "FAILED"; failureReason: string },
): Promise<OrderRefund> {
  const { orderId, refundId } = refund;
  const order = await lockOrder(tx, orderId);
  const { rows } = await tx.query<{ amount_minor: bigint }>(
    `update order_refunds set state = $3, failure_reason = $4, update_time = now()
     where order_id = $1 and id = $2 and state = 'PENDING' returning amount_minor`,
    [orderId, refundId, refund.state, refund.failureReason],
  );
  const settled = rows[0];
  if (order !== undefined && settled !== undefined && refund.state === "SUCCEEDED") {
    await tx.query(
      `update orders set refunded_minor = refunded_minor + $2, sequence = sequence + 1, update_time = now()
       where id = $1`,
      [orderId, settled.amount_minor],
    );
    await appendEvents(tx, [
      {
        subject: orderId,
        sequence: order.sequence + 1,
        type: "sagacart.order.refunded.v1",
        data: {
          orderId,
          customerId: order.customer_id,
          state: order.state,
          refundId,
          total: { currencyCode: order.currency, minorUnits: settled.amount_minor.toString() },
          ...(order.contact_email === "" ? {} : { contactEmail: order.contact_email }),
        },
      },
    ]);
  }
  return await loadRefund(tx, orderId, refundId);
}

async function lockOrder(tx: Transaction, orderId: string): Promise<OrderRow | undefined> {
  const { rows } = await tx.query<OrderRow>(
    `select state, customer_id, currency, total_minor, refunded_minor, sequence, contact_email
     from orders where id = $1 for update`,
    [orderId],
  );
  return rows[0];
}

function toRefund(row: RefundRow): OrderRefund {
  return create(OrderRefundSchema, {
    id: row.id,
    orderId: row.order_id,
    amount: create(MoneySchema, { currencyCode: row.currency, minorUnits: row.amount_minor }),
    reason: row.reason,
    state: OrderRefund_State[row.state],
    failureReason: row.failure_reason,
    paymentRefundId: row.payment_refund_id,
    createTime: timestampFromDate(row.create_time),
    updateTime: timestampFromDate(row.update_time),
  });
}
