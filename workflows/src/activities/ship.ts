import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { BatchCreateShipmentsResponse_Outcome } from "@sagacart/proto/shipping/v1/shipping_service";
import type { Services } from "../clients.ts";
import { type Outcome, plannedStep } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import { type Move, moveToOutcomes, type StepContext, statesOf, toUndo } from "./move.ts";

const planned = plannedStep("ship");

/** Hands paid orders to the carrier, and then takes their stock off hand. */
export async function ship(context: StepContext, input: StepInput): Promise<Outcome[]> {
  const { services, cache, move } = context;
  const { workflowId, orderIds } = input;
  let orders = await cache.recall(workflowId, orderIds);
  // An order that is still PAID passes the point of no return first, where a cancellation may stop it.
  const paid = [...orders.values()].filter(({ state }) => state === Order_State.PAID);
  if (paid.length > 0) {
    await move(
      workflowId,
      paid.map(({ id }) => ({ orderId: id, states: [Order_State.SHIPPING] })),
    );
    orders = await cache.recall(workflowId, orderIds);
  }
  const shipping = [...orders.values()].filter(({ state }) => state === Order_State.SHIPPING);
  const moves: Move[] = [];
  if (shipping.length > 0) {
    const { outcomes } = await services.shipping.batchCreateShipments({ items: shipping.map(toItem) });
    await commitStock(
      services,
      outcomes.filter(({ outcome }) => outcome.case === "accepted").map(({ orderId }) => orderId),
    );
    moves.push(...outcomes.flatMap(toMoves));
  }
  return await moveToOutcomes(context, input, { orders, moves, after: planned.after });
}

function toItem({ id, customerId, shippingAddress }: Order) {
  return { orderId: id, customerId, ...(shippingAddress === undefined ? {} : { address: shippingAddress }) };
}

function toMoves({ orderId, outcome }: BatchCreateShipmentsResponse_Outcome): Move[] {
  switch (outcome.case) {
    case "accepted":
      return [{ orderId, states: statesOf(planned.through), trackingNumber: outcome.value.trackingNumber }];
    case "refused":
      return [toUndo(orderId, Order_State.CANCELLED, "SHIPMENT_REFUSED", outcome.value.refusalReason)];
    default:
      return [];
  }
}

async function commitStock({ stock }: Services, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length === 0) {
    return;
  }
  const { outcomes } = await stock.batchCommit({ orderIds: [...orderIds] });
  const refused = outcomes.find(({ outcome }) => outcome.case !== "committed");
  if (refused !== undefined) {
    // Only the saga releases PINNED stock, and it has not: this must not happen.
    throw new Error(`the stock of order ${refused.orderId} could not be committed after the carrier took it`);
  }
}
