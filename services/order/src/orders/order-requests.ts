import { currentActor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { recordCommands } from "@sagacart/outbox/commands/record";
import {
  type CancelOrderRequest,
  type PayOrderRequest,
  PayOrderRequestSchema,
} from "@sagacart/proto/order/v1/order_service";
import { reasons } from "../reasons.ts";
import { checkCustomer, isCancellable, isFinal, ownWorkflowId, type State } from "./order.ts";
import { type Cancellation, saveCancelRequest, savePaymentAttempt } from "./order-request-store.ts";
import { lockOrder } from "./order-store.ts";

/**
 * Asks the owner of an order to take the payment: numbers the attempt and records the command in one transaction.
 * Returns the number of the attempt, or of the one that is under way already.
 */
export async function requestPayment(pool: Pool, request: PayOrderRequest): Promise<number> {
  const fingerprint = fingerprintOf(PayOrderRequestSchema, request, {
    without: ["request_id", "wait_at_most", "wait_for"],
  });
  const { customerId, requestId } = request;
  const scope = customerId || `order ${request.id}`;
  const guard = callerGuard(customerId, { requestId, fingerprint });
  const { resourceId } = await once(pool, { scope, requestId, method: "PayOrder", fingerprint, guard }, async (tx) =>
    String(await startAttempt(tx, request)),
  );
  return Number(resourceId);
}

const maxAttempts = 20;

async function startAttempt(tx: Transaction, request: PayOrderRequest): Promise<number> {
  const { id: orderId, paymentMethod } = request;
  const order = await lockOrder(tx, orderId);
  checkCustomer(order, request);
  if (order.state === "PAID" || order.state === "SHIPPING" || order.state === "COMPLETED") {
    return order.paymentAttempt;
  }
  if (order.state !== "AWAITING_PAYMENT" || order.cancelRequested) {
    const message = `order ${orderId} is ${order.cancelRequested ? "being cancelled" : order.state}; it cannot be paid`;
    throw new DomainError(reasons, "NOT_PAYABLE", message, { order_id: orderId, state: order.state });
  }
  if (order.paymentPending) {
    return order.paymentAttempt;
  }
  if (order.paymentAttempt === maxAttempts) {
    const message = `payment of order ${orderId} was attempted ${maxAttempts} times; cancel it and check out again`;
    throw new DomainError(reasons, "TOO_MANY_ATTEMPTS", message, { order_id: orderId });
  }
  const attempt = order.paymentAttempt + 1;
  const actor = currentActor({ owner: order.customerId, onBehalfOf: request.customerId });
  await savePaymentAttempt(tx, { orderId, attempt, paymentMethod, actor });
  await recordCommands(tx, [{ kind: "PAY", subject: orderId, data: { attempt } }]);
  return attempt;
}

/**
 * Asks for an order to be cancelled. Its owner sees the request at the order's next move; a workflow of its own may be
 * waiting, and is woken by a command. Returns the state of the order.
 */
export async function requestCancel(pool: Pool, request: CancelOrderRequest): Promise<State> {
  const { id: orderId } = request;
  return await withTransaction(pool, async (tx) => {
    const order = await lockOrder(tx, orderId);
    checkCustomer(order, request);
    const { state, endsAs } = order;
    const cancelled = state === "CANCELLED" || (state === "CANCELLING" && endsAs === "CANCELLED");
    if (cancelled || (order.cancelRequested && !isFinal(state))) {
      return state;
    }
    if (!isCancellable(state) || (request.onlyUnpaid && state === "PAID")) {
      const message = `order ${orderId} is ${state}; it can no longer be cancelled`;
      throw new DomainError(reasons, "NOT_CANCELLABLE", message, { order_id: orderId, state });
    }
    await saveCancelRequest(tx, orderId, cancellationOf(request, order.customerId));
    if (order.ownerWorkflowId === ownWorkflowId(orderId)) {
      await recordCommands(tx, [{ kind: "CANCEL", subject: orderId }]);
    }
    return state;
  });
}

/** Returns who cancels and why. What customers say is theirs to see; the shop's people say apart what they are told. */
function cancellationOf(request: CancelOrderRequest, owner: string): Cancellation {
  const actor = currentActor({ owner, onBehalfOf: request.customerId });
  return actor.kind === "CUSTOMER"
    ? { actor, internalReason: "", detail: request.reason || request.publicReason }
    : { actor, internalReason: request.reason, detail: request.publicReason };
}
