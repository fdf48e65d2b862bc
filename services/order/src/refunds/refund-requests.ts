import { currentActor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { recordCommands } from "@sagacart/outbox/commands/record";
import type { OrderRefund } from "@sagacart/proto/order/v1/order";
import { type RefundOrderRequest, RefundOrderRequestSchema } from "@sagacart/proto/order/v1/order_service";
import { checkCustomer } from "../orders/order.ts";
import { lockOrder } from "../orders/order-store.ts";
import { reasons } from "../reasons.ts";
import { appendRefund } from "./outside-refund.ts";
import { refundAmount } from "./refund.ts";
import { findRefunds, insertRefund, loadRefund, type Outcome, saveOutcome } from "./refund-store.ts";

/**
 * Records a refund, PENDING, and the command to execute it, once per refund id and per request id. Returns the refund
 * id. The refunds of an order never exceed its total. The payment service may know of refunds that the order has not heard
 * of yet: a refund without an amount is therefore of what is left there, and at most of what is left here.
 */
export async function requestRefund(pool: Pool, request: RefundOrderRequest): Promise<string> {
  const fingerprint = fingerprintOf(RefundOrderRequestSchema, request, { without: ["request_id", "wait_at_most"] });
  const { customerId, requestId } = request;
  const scope = customerId || `order ${request.orderId}`;
  const guard = callerGuard(customerId, { requestId, fingerprint });
  const { resourceId } = await once(pool, { scope, requestId, method: "RefundOrder", fingerprint, guard }, (tx) =>
    recordRefund(tx, request, fingerprint),
  );
  return resourceId;
}

async function recordRefund(tx: Transaction, request: RefundOrderRequest, fingerprint: Uint8Array): Promise<string> {
  const { orderId, customerId, amount, reason, publicReason } = request;
  const order = await lockOrder(tx, orderId);
  checkCustomer(order, { id: orderId, customerId });
  const refundId = request.refundId || uuidv7();
  const existing = await findRefunds(tx, orderId, refundId);
  if (existing.fingerprint !== undefined) {
    if (Buffer.compare(existing.fingerprint, fingerprint) === 0) {
      return refundId;
    }
    const message = `refund ${refundId} of order ${orderId} was requested before, with other content`;
    throw new DomainError(reasons, "REQUEST_ID_REUSED", message, { order_id: orderId, refund_id: refundId });
  }
  const amountMinor = refundAmount({ ...order, id: orderId }, { amount, claimedMinor: existing.claimedMinor });
  const paymentRefundId = uuidv7();
  const atMost = amount === undefined;
  const actor = currentActor({ owner: order.customerId, onBehalfOf: customerId });
  const ids = { orderId, refundId, paymentRefundId };
  await insertRefund(tx, { ...ids, fingerprint, amountMinor, atMost, reason, publicReason, actor });
  await recordCommands(tx, [{ kind: "REFUND", subject: orderId, data: { refundId, paymentRefundId } }]);
  return refundId;
}

/** Records the outcome of a refund. Only the first outcome counts; a later one changes nothing. */
export async function settleRefund(tx: Transaction, outcome: Outcome): Promise<OrderRefund> {
  const { orderId, refundId } = outcome;
  const order = await lockOrder(tx, orderId);
  const refund = await saveOutcome(tx, outcome);
  if (order !== undefined && refund !== undefined && outcome.state === "SUCCEEDED") {
    await appendRefund(tx, { ...order, id: orderId }, { refundId, ...refund, source: "ORDER" });
  }
  return await loadRefund(tx, orderId, refundId);
}
