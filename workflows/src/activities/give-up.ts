import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { afterGiveUp, type Outcome } from "../sagas/plan.ts";
import type { OrderStepInput } from "../sagas/steps.ts";
import { moveToOutcomes, type StepContext, toUndo } from "./move.ts";

/** Begins to undo an order that was cancelled while it awaited payment, or was not paid in time. */
export async function giveUp(context: StepContext, { workflowId, orderId }: OrderStepInput): Promise<Outcome[]> {
  const orders = await context.cache.take(workflowId, [orderId]);
  const order = orders.get(orderId);
  if (order?.state !== Order_State.AWAITING_PAYMENT) {
    return [order === undefined ? "gone" : "next"];
  }
  const isOverdue = order.expireTime !== undefined && timestampMs(order.expireTime) <= Date.now();
  const move =
    order.cancelRequestTime === undefined && isOverdue
      ? toUndo(orderId, Order_State.EXPIRED, "PAYMENT_OVERDUE", "")
      : // The order service adds the detail that the cancellation was requested with.
        toUndo(orderId, Order_State.CANCELLED, "CANCELLED_BY_CUSTOMER", "");
  return await moveToOutcomes(
    context,
    { workflowId, orderIds: [orderId] },
    { orders, moves: [move], after: afterGiveUp },
  );
}
