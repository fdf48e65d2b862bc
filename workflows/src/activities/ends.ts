import { Order_State } from "@sagacart/proto/order/v1/order";
import type { End } from "../sagas/codes.ts";
import type { StepContext } from "./move.ts";
import type { OnDropped } from "./order-cache.ts";

/** The context of one run of a step, and how the orders ended that it met. */
export type Ends = { readonly context: StepContext; of(orderId: string): End };

/**
 * Records how orders end: those that a step moves, and those that an earlier run of it ended already, whose worker was killed
 * or whose answer was lost. `rejected` says why the step itself rejects an order.
 */
export function recordEnds(context: StepContext, rejected: End): Ends {
  const ends = new Map<string, End>();
  const droppedFor =
    (workflowId: string): OnDropped =>
    (orderId, dropped) => {
      if (dropped.workflowId === workflowId) {
        const wasRejected = dropped.outcomeReason === "OUT_OF_STOCK" ? "sold out" : "declined";
        // It is this workflow's, so it is final. An older order service does not say how it ended.
        ends.set(orderId, endOf(dropped.state, wasRejected) ?? "ended");
      }
    };
  const { cache, move } = context;
  return {
    context: {
      ...context,
      cache: {
        ...cache,
        take: (workflowId, orderIds) => cache.take(workflowId, orderIds, droppedFor(workflowId)),
        recall: (workflowId, orderIds) => cache.recall(workflowId, orderIds, droppedFor(workflowId)),
      },
      async move(workflowId, moves) {
        const moved = await move(workflowId, moves);
        for (const [orderId, state] of moved) {
          const end = endOf(state, rejected);
          if (end !== undefined) {
            ends.set(orderId, end);
          }
        }
        return moved;
      },
    },
    of: (orderId) => ends.get(orderId) ?? "skipped",
  };
}

/** Returns undefined for a state that is not final. */
function endOf(state: Order_State, rejected: End): End | undefined {
  switch (state) {
    case Order_State.COMPLETED:
      return "completed";
    case Order_State.REJECTED:
      return rejected;
    case Order_State.CANCELLED:
      return "cancelled";
    case Order_State.EXPIRED:
      return "expired";
    default:
      return undefined;
  }
}
