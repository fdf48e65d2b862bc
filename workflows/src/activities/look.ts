import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { OrderStepInput, OrderView } from "../sagas/steps.ts";
import { enumName } from "./enum-name.ts";
import type { StepContext } from "./move.ts";

/** Takes ownership of an order and returns its state. */
export async function look({ cache }: StepContext, { workflowId, orderId }: OrderStepInput): Promise<OrderView> {
  const order = (await cache.take(workflowId, [orderId])).get(orderId);
  return {
    state: order === undefined ? "GONE" : enumName(Order_State, order.state),
    cancelRequested: order?.cancelRequestTime !== undefined,
    paymentPending: order !== undefined && hasPendingPayment(order),
    expireTimeMs: order?.expireTime === undefined ? 0 : timestampMs(order.expireTime),
  };
}

/** An attempt that was not declined is pending: had it been captured, the order would no longer await payment. */
function hasPendingPayment({ payment }: Order): boolean {
  return payment !== undefined && payment.attempt > 0 && payment.declineReason === "";
}
