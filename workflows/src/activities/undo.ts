import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Services } from "../clients.ts";
import { type Outcome, undoing } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import { isIn, type Move, moveToOutcomes, type StepContext } from "./move.ts";

/** An order for which one step is undone, and what that adds to the move that ends the order. */
export type Undone = Pick<Move, "orderId" | "payBack">;

/** Undoes one step for these orders; returns those for which that is done, now or before. */
export type Undo = (services: Services, orderIds: readonly string[]) => Promise<Undone[]>;

/**
 * Undoes orders that are CANCELLING with these undos, one after the other, and then ends those for which all is undone.
 * Each undo is called for all orders, whether or not its step was seen to succeed and whatever became of the other
 * undos: stock is released also while the money cannot be paid back. Where there is nothing to undo, it leaves a
 * tombstone. Throws the first error, once every undo was called.
 */
export async function undo(context: StepContext, input: StepInput, undos: readonly Undo[]): Promise<Outcome[]> {
  const orders = await context.cache.recall(input.workflowId, input.orderIds);
  const cancelling = [...orders.values()].filter((order) => isIn(order, undoing.from)).map(({ id }) => id);
  let undone: Undone[] = cancelling.map((orderId) => ({ orderId }));
  const errors: unknown[] = [];
  for (const undoStep of cancelling.length === 0 ? [] : undos) {
    try {
      const done = new Map((await undoStep(context.services, cancelling)).map((one) => [one.orderId, one]));
      undone = undone.flatMap((one) => {
        const more = done.get(one.orderId);
        return more === undefined ? [] : { ...one, ...more };
      });
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
  // CANCELLED stands for any of the three final states: the order ends in the one recorded when the undoing began.
  const moves: Move[] = undone.map((one) => ({ ...one, states: [Order_State.CANCELLED] }));
  return await moveToOutcomes(context, input, { orders, moves, after: undoing.after });
}
