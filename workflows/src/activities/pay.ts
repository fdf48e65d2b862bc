import { errorInfo } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { BatchChargeResponse_Refused_Reason as Refusal } from "@sagacart/proto/payment/v1/payment_service";
import type { Services } from "../clients.ts";
import { type Outcome, plannedStep } from "../sagas/plan.ts";
import type { OrderStepInput } from "../sagas/steps.ts";
import { attemptOf, paidMove, toChargeItem } from "./charge.ts";
import { enumName } from "./enum-name.ts";
import { type Move, moveToOutcomes, type StepContext, toUndo } from "./move.ts";

/**
 * Takes the money of an order that awaits payment: its stock is pinned first, unless the reservation has expired. A
 * decline leaves the order waiting for another attempt.
 */
export async function pay(context: StepContext, { workflowId, orderId }: OrderStepInput): Promise<Outcome[]> {
  const { services, cache } = context;
  const orders = await cache.take(workflowId, [orderId]);
  const order = orders.get(orderId);
  if (order?.state !== Order_State.AWAITING_PAYMENT) {
    return [order === undefined ? "gone" : "next"];
  }
  const settle = (move: Move) =>
    moveToOutcomes(context, { workflowId, orderIds: [orderId] }, { orders, moves: [move], after });
  const cannotPin = await pin(services, orderId);
  if (cannotPin !== undefined) {
    return await settle(cannotPin);
  }
  const { outcomes } = await services.payment.batchCharge({ items: [toChargeItem(order)] });
  const outcome = outcomes[0]?.outcome;
  switch (outcome?.case) {
    case "captured":
      return await settle(paidMove(orderId));
    case "refused": {
      const { reason, declineReason: given } = outcome.value;
      const declineReason = given || enumName(Refusal, reason).toLowerCase();
      await services.saga.recordDecline({ workflowId, orderId, attempt: attemptOf(order), declineReason });
      return ["next"];
    }
    default:
      return ["waits"];
  }
}

const { after } = plannedStep("charge");

/** Keeps the stock of an order from expiring. Returns undefined, or the move of an order whose stock is lost. */
async function pin({ stock }: Services, orderId: string): Promise<Move | undefined> {
  try {
    await stock.pinReservation({ id: orderId });
    return undefined;
  } catch (error) {
    const { reason } = errorInfo(error);
    if (reason === "RESERVATION_EXPIRED") {
      return toUndo(orderId, Order_State.EXPIRED, "PAYMENT_OVERDUE", "");
    }
    if (reason === "RESERVATION_RELEASED" || reason === "RESERVATION_NOT_FOUND") {
      return toUndo(orderId, Order_State.CANCELLED, "FAILED", `reservation: ${reason}`);
    }
    throw error;
  }
}
