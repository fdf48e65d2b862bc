import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Services } from "../clients.ts";
import { type Outcome, undoing } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import { isIn, type Move, moveToOutcomes, type StepContext } from "./move.ts";

/** Undoes one step for these orders; returns those for which that is done, now or before. */
export type Undo = (services: Services, orderIds: readonly string[]) => Promise<string[]>;

/**
 * Undoes orders that are CANCELLING with these undos, one after the other, and then ends those for which all is undone.
 * Each undo is called for all orders, whether or not its step was seen to succeed and whatever became of the other
 * undos: stock is released also while the money cannot be paid back. Where there is nothing to undo, it leaves a
 * tombstone. Throws the first error, once every undo was called.
 */
export async function undo(context: StepContext, input: StepInput, undos: readonly Undo[]): Promise<Outcome[]> {
  const orders = await context.cache.recall(input.workflowId, input.orderIds);
  const cancelling = [...orders.values()].filter((order) => isIn(order, undoing.from)).map(({ id }) => id);
  let undone = cancelling;
  const errors: unknown[] = [];
  for (const undoStep of cancelling.length === 0 ? [] : undos) {
    try {
      const done = new Set(await undoStep(context.services, cancelling));
      undone = undone.filter((id) => done.has(id));
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
  // CANCELLED stands for any of the three final states: the order ends in the one recorded when the undoing began.
  const moves: Move[] = undone.map((orderId) => ({ orderId, states: [Order_State.CANCELLED] }));
  return await moveToOutcomes(context, input, { orders, moves, after: undoing.after });
}
