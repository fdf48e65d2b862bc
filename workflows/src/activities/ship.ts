import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { Codes, StepInput } from "../sagas/steps.ts";
import { type Move, type StepContext, toCodes, toUndo } from "./move.ts";

/** Has the carrier take paid orders, and then takes their stock off hand: the last step. */
export async function ship({ services, book, move }: StepContext, { workflowId, orderIds }: StepInput): Promise<Codes> {
  let orders = await book.recall(workflowId, orderIds);
  // An order that a charge left PAID passes the point of no return first, where a cancel may still stop it.
  const paid = [...orders.values()].filter(({ state }) => state === Order_State.PAID);
  if (paid.length > 0) {
    await move(
      workflowId,
      paid.map(({ id }) => ({ orderId: id, states: [Order_State.SHIPPING] })),
    );
    orders = await book.recall(workflowId, orderIds);
  }
  const states = new Map([...orders].map(([orderId, { state }]) => [orderId, state]));
  const shipping = [...orders.values()].filter(({ state }) => state === Order_State.SHIPPING);
  if (shipping.length === 0) {
    return toCodes(orderIds, states, codeOf);
  }
  const { outcomes } = await services.shipping.batchCreateShipments({ items: shipping.map(toItem) });
  const moves: Move[] = [];
  for (const { orderId, outcome } of outcomes) {
    if (outcome.case === "accepted") {
      moves.push({ orderId, states: [Order_State.COMPLETED], trackingNumber: outcome.value.trackingNumber });
    } else if (outcome.case === "refused") {
      const detail = outcome.value.refusalReason;
      moves.push(toUndo(orderId, Order_State.CANCELLED, "SHIPMENT_REFUSED", detail));
    }
  }
  const accepted = moves.filter(({ states }) => states?.[0] === Order_State.COMPLETED).map(({ orderId }) => orderId);
  await commit(services, accepted);
  for (const [orderId, state] of await move(workflowId, moves)) {
    states.set(orderId, state);
  }
  return toCodes(orderIds, states, codeOf);
}

async function commit({ stock }: StepContext["services"], orderIds: readonly string[]): Promise<void> {
  if (orderIds.length === 0) {
    return;
  }
  const { outcomes } = await stock.batchCommit({ orderIds: [...orderIds] });
  const refused = outcomes.find(({ outcome }) => outcome.case !== "committed");
  if (refused !== undefined) {
    // What is PINNED is released by nobody but the saga, and the saga has not: this must not happen.
    throw new Error(`the stock of order ${refused.orderId} could not be committed after the carrier took it`);
  }
}

function toItem({ id, customerId, shippingAddress }: Order) {
  return { orderId: id, customerId, ...(shippingAddress === undefined ? {} : { address: shippingAddress }) };
}

function codeOf(state: Order_State): string {
  switch (state) {
    case Order_State.SHIPPING:
      return "w";
    case Order_State.CANCELLING:
      return "u";
    default:
      return "g";
  }
}
