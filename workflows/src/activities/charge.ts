import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import {
  type BatchChargeResponse_Outcome,
  BatchChargeResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/payment/v1/payment_service";
import type { Services } from "../clients.ts";
import { type Outcome, plannedStep } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import { enumName } from "./enum-name.ts";
import { isIn, type Move, moveToOutcomes, type StepContext, statesOf, toUndo } from "./move.ts";
import type { Undone } from "./undo.ts";

const planned = plannedStep("charge");

/** The states of an order that is paid; those that it has passed already change nothing. */
const throughPaid = statesOf(planned.through);

/** Takes the money of orders whose stock is PINNED. Orders whose provider has not answered yet wait in RESERVED. */
export async function charge(context: StepContext, input: StepInput): Promise<Outcome[]> {
  const { services, cache } = context;
  const orders = await cache.recall(input.workflowId, input.orderIds);
  const moves: Move[] = [];
  const toCharge: Order[] = [];
  for (const order of orders.values()) {
    const isUnpaid = isIn(order, planned.from);
    if (isUnpaid && order.cancelRequestTime === undefined) {
      toCharge.push(order);
    } else if (isUnpaid || order.state === Order_State.PAID) {
      // Paid already, or to be cancelled: the move finds out.
      moves.push({ orderId: order.id, states: throughPaid });
    }
  }
  if (toCharge.length > 0) {
    const { outcomes } = await services.payment.batchCharge({ items: toCharge.map(toChargeItem) });
    moves.push(...outcomes.map(toMove));
  }
  return await moveToOutcomes(context, input, { orders, moves, after: planned.after });
}

function toMove({ orderId, outcome }: BatchChargeResponse_Outcome): Move {
  switch (outcome.case) {
    case "captured":
      return paidMove(orderId);
    case "refused": {
      const { reason, declineReason } = outcome.value;
      const undo =
        reason === Refusal.DECLINED
          ? toUndo(orderId, Order_State.REJECTED, "PAYMENT_DECLINED", declineReason)
          : toUndo(orderId, Order_State.REJECTED, "FAILED", `payment: ${enumName(Refusal, reason)}`);
      return { ...undo, states: [Order_State.RESERVED, Order_State.CANCELLING] };
    }
    default:
      return { orderId, states: [Order_State.RESERVED] };
  }
}

/** The move of an order whose money was taken. */
export function paidMove(orderId: string): Move {
  return { orderId, states: throughPaid };
}

/** A charge under the same attempt number again is answered with the outcome of the first. */
export function toChargeItem(order: Order) {
  const { id, customerId, total, payment } = order;
  return {
    orderId: id,
    attempt: attemptOf(order),
    customerId,
    paymentMethod: payment?.method ?? "",
    ...(total === undefined ? {} : { amount: total }),
  };
}

/** The number of the order's payment attempt, from 1. */
export function attemptOf({ payment }: Order): number {
  return Math.max(1, payment?.attempt ?? 1);
}

/** Undoes the step; returns the orders for which nothing is charged any more, with what their customers got back. */
export async function voidPayments({ payment }: Services, orderIds: readonly string[]): Promise<Undone[]> {
  const { outcomes } = await payment.batchVoid({ items: orderIds.map((orderId) => ({ orderId, attempt: 0 })) });
  return outcomes.flatMap(({ orderId, outcome }) => {
    if (outcome.case !== "voided") {
      return [];
    }
    const { payBack } = outcome.value;
    return payBack === undefined ? { orderId } : { orderId, payBack };
  });
}
