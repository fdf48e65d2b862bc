import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { recordCommands } from "@sagacart/outbox/commands/record";
import {
  type CancelOrderRequest,
  type PayOrderRequest,
  PayOrderRequestSchema,
} from "@sagacart/proto/order/v1/order_service";
import { isCancellable, isFinal, type State } from "./order.ts";
import { reasons } from "./reasons.ts";
import { ownWorkflowId } from "./saga-store.ts";

type Row = {
  state: State;
  ends_as: State | null;
  customer_id: string;
  payment_attempt: number;
  payment_pending: boolean;
  owner_workflow_id: string | null;
  cancel_request_time: Date | null;
};

/**
 * Asks the workflow that carries an order to have it paid: numbers the attempt and records the command, in one
 * transaction. Answers with the attempt's number; one that is under way is attached to.
 */
export async function requestPayment(pool: Pool, request: PayOrderRequest): Promise<number> {
  const fingerprint = fingerprintOf(PayOrderRequestSchema, request, {
    without: ["request_id", "wait_at_most", "wait_for"],
  });
  const scope = request.customerId || `order ${request.id}`;
  const { resourceId } = await once(
    pool,
    { scope, requestId: request.requestId, method: "PayOrder", fingerprint },
    async (tx) => String(await startAttempt(tx, request)),
  );
  return Number(resourceId);
}

const highestAttempt = 20;

async function startAttempt(tx: Transaction, request: PayOrderRequest): Promise<number> {
  const row = await lockOrder(tx, request);
  if (row.state === "PAID" || row.state === "SHIPPING" || row.state === "COMPLETED") {
    return row.payment_attempt;
  }
  if (row.state !== "AWAITING_PAYMENT" || row.cancel_request_time !== null) {
    const what = row.cancel_request_time === null ? row.state : "being cancelled";
    throw new DomainError(reasons, "NOT_PAYABLE", `order ${request.id} is ${what}; it cannot be paid`, {
      order_id: request.id,
      state: row.state,
    });
  }
  if (row.payment_pending) {
    return row.payment_attempt;
  }
  if (row.payment_attempt === highestAttempt) {
    const message = `order ${request.id} was tried to be paid ${highestAttempt} times; cancel it and check out again`;
    throw new DomainError(reasons, "TOO_MANY_ATTEMPTS", message, { order_id: request.id });
  }
  const attempt = row.payment_attempt + 1;
  await tx.query(
    `update orders set payment_attempt = $2, payment_pending = true, decline_reason = '',
                       payment_method = coalesce($3, payment_method), update_time = now() where id = $1`,
    [request.id, attempt, request.paymentMethod ?? null],
  );
  await recordCommands(tx, [{ kind: "PAY", subject: request.id, data: { attempt } }]);
  return attempt;
}

/**
 * Asks for an order to be cancelled. Whoever carries it sees that at its next move; a workflow of its own, which may
 * be waiting, is told by a command besides. Answers with the state it found.
 */
export async function requestCancel(pool: Pool, request: CancelOrderRequest): Promise<State> {
  return await withTransaction(pool, async (tx) => {
    const row = await lockOrder(tx, request);
    const cancelled = row.state === "CANCELLED" || (row.state === "CANCELLING" && row.ends_as === "CANCELLED");
    if (cancelled || (row.cancel_request_time !== null && !isFinal(row.state))) {
      return row.state;
    }
    if (!isCancellable(row.state) || (request.onlyUnpaid && row.state === "PAID")) {
      const message = `order ${request.id} is ${row.state}; it can no longer be cancelled`;
      throw new DomainError(reasons, "NOT_CANCELLABLE", message, { order_id: request.id, state: row.state });
    }
    await tx.query(
      "update orders set cancel_request_time = now(), cancel_detail = $2, update_time = now() where id = $1",
      [request.id, request.reason],
    );
    if (row.owner_workflow_id === ownWorkflowId(request.id)) {
      await recordCommands(tx, [{ kind: "CANCEL", subject: request.id }]);
    }
    return row.state;
  });
}

async function lockOrder(tx: Transaction, request: { id: string; customerId: string }): Promise<Row> {
  const { rows } = await tx.query<Row>(
    `select state, ends_as, customer_id, payment_attempt, payment_pending, owner_workflow_id, cancel_request_time
     from orders where id = $1 for update`,
    [request.id],
  );
  const row = rows[0];
  if (row === undefined || (request.customerId !== "" && row.customer_id !== request.customerId)) {
    throw new DomainError(reasons, "ORDER_NOT_FOUND", `there is no order ${request.id}`, { order_id: request.id });
  }
  return row;
}
