import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Codes, StepInput } from "../sagas/steps.ts";
import { type StepContext, toCodes, toUndo } from "./move.ts";

/**
 * Undoes orders that are CANCELLING: pays back what was charged, then releases what was held, then ends them. Every
 * undo is asked for, whether its do was seen or not; where there is nothing to undo it leaves a tombstone.
 */
export async function undo({ services, book, move }: StepContext, { workflowId, orderIds }: StepInput): Promise<Codes> {
  const orders = await book.recall(workflowId, orderIds);
  const states = new Map([...orders].map(([orderId, { state }]) => [orderId, state]));
  const undoing = [...orders.values()].filter(({ state }) => state === Order_State.CANCELLING);
  if (undoing.length === 0) {
    return toCodes(orderIds, states, codeOf);
  }
  const voided = await services.payment.batchVoid({ items: undoing.map(({ id }) => ({ orderId: id, attempt: 0 })) });
  const unpaid = voided.outcomes.filter(({ outcome }) => outcome.case === "voided").map(({ orderId }) => orderId);
  if (unpaid.length > 0) {
    const { outcomes } = await services.stock.batchRelease({ orderIds: unpaid });
    const released = outcomes.filter(({ outcome }) => outcome.case === "released").map(({ orderId }) => orderId);
    // Any of the three: it ends as was decided when the undoing began.
    const ended = await move(
      workflowId,
      released.map((orderId) => ({ orderId, states: [Order_State.CANCELLED] })),
    );
    for (const [orderId, state] of ended) {
      states.set(orderId, state);
    }
  }
  return toCodes(orderIds, states, codeOf);
}

/** Begins to undo an order that was cancelled while it waited for its customer, or was not paid in time. */
export async function giveUp(
  { book, move }: StepContext,
  { workflowId, orderId }: { workflowId: string; orderId: string },
): Promise<Codes> {
  const order = (await book.take(workflowId, [orderId])).get(orderId);
  if (order?.state !== Order_State.AWAITING_PAYMENT) {
    return order === undefined ? "g" : "n";
  }
  const overdue = order.expireTime !== undefined && timestampMs(order.expireTime) <= Date.now();
  // A move forward turns into CANCELLING by itself where a cancel was asked for, with the reason given.
  const states = await move(workflowId, [
    order.cancelRequestTime === undefined && overdue
      ? toUndo(orderId, Order_State.EXPIRED, "PAYMENT_OVERDUE", "")
      : toUndo(orderId, Order_State.CANCELLED, "CANCELLED_BY_CUSTOMER", ""),
  ]);
  return toCodes([orderId], states, (state) => (state === Order_State.CANCELLING ? "u" : codeOf(state)));
}

/** Still CANCELLING after everything was asked for: somebody has to be asked again. */
function codeOf(state: Order_State): string {
  switch (state) {
    case Order_State.CANCELLING:
      return "w";
    default:
      return "g";
  }
}
