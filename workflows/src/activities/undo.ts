import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Services } from "../clients.ts";
import { type Outcome, undoing } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import { isIn, type Move, moveToOutcomes, type StepContext } from "./move.ts";

/** Undoes one step for these orders; returns those for which that is done, now or before. */
export type Undo = (services: Services, orderIds: readonly string[]) => Promise<string[]>;

/**
 * Undoes orders that are CANCELLING with these undos, one after the other, and then ends the orders. Each undo is
 * called whether or not its step was seen to succeed; where there is nothing to undo, it leaves a tombstone.
 */
export async function undo(context: StepContext, input: StepInput, undos: readonly Undo[]): Promise<Outcome[]> {
  const orders = await context.cache.recall(input.workflowId, input.orderIds);
  let undone = [...orders.values()].filter((order) => isIn(order, undoing.from)).map(({ id }) => id);
  for (const undoStep of undos) {
    undone = undone.length === 0 ? [] : await undoStep(context.services, undone);
  }
  // CANCELLED stands for any of the three final states: the order ends in the one recorded when the undoing began.
  const moves: Move[] = undone.map((orderId) => ({ orderId, states: [Order_State.CANCELLED] }));
  return await moveToOutcomes(context, input, { orders, moves, after: undoing.after });
}
