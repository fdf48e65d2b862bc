import type { Client } from "@connectrpc/connect";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { BatchMoveResponse_Outcome, SagaService } from "@sagacart/proto/order/v1/saga_service";
import { chunked } from "./chunks.ts";

/**
 * The orders that this process carries at the moment. What a step reads of them never changes (lines, amounts,
 * address) or is checked again by the services, so the steps of a batch ask for them once.
 */
export type OrderBook = {
  /** Takes orders on, asking the order service: those that this workflow carries, by id. */
  take(workflowId: string, orderIds: readonly string[]): Promise<Map<string, Order>>;
  /** The same, from memory where this process took them on for this workflow before. */
  recall(workflowId: string, orderIds: readonly string[]): Promise<Map<string, Order>>;
  /** Remembers where orders stand after a move. */
  moved(workflowId: string, outcomes: readonly BatchMoveResponse_Outcome[]): void;
};

/** A book that forgets what was taken on first when it holds too much. */
export function createOrderBook(saga: Client<typeof SagaService>): OrderBook {
  const book = new Map<string, Order>();
  const key = (workflowId: string, orderId: string) => `${workflowId} ${orderId}`;

  async function take(workflowId: string, orderIds: readonly string[]): Promise<Map<string, Order>> {
    const taken = new Map<string, Order>();
    const responses = await Promise.all(
      chunked(orderIds, ordersPerCall).map((ids) => saga.batchBegin({ workflowId, orderIds: ids })),
    );
    for (const { orderId, outcome } of responses.flatMap(({ outcomes }) => outcomes)) {
      if (outcome.case === "taken") {
        taken.set(orderId, outcome.value);
        book.set(key(workflowId, orderId), outcome.value);
      }
    }
    for (const oldest of book.keys()) {
      if (book.size <= mostRemembered) {
        break;
      }
      book.delete(oldest);
    }
    return taken;
  }

  return {
    take,
    async recall(workflowId, orderIds) {
      const known = new Map<string, Order>();
      for (const orderId of orderIds) {
        const order = book.get(key(workflowId, orderId));
        if (order !== undefined) {
          known.set(orderId, order);
        }
      }
      return known.size === orderIds.length ? known : await take(workflowId, orderIds);
    },
    moved(workflowId, outcomes) {
      for (const { orderId, state } of outcomes) {
        const order = book.get(key(workflowId, orderId));
        if (order === undefined) {
          continue;
        }
        if (isOver.has(state)) {
          book.delete(key(workflowId, orderId));
        } else {
          order.state = state;
        }
      }
    },
  };
}

/** So that an answer stays small when each order has a hundred lines. */
const ordersPerCall = 250;
const mostRemembered = 20_000;

const isOver: ReadonlySet<Order_State> = new Set([
  Order_State.UNSPECIFIED,
  Order_State.COMPLETED,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
]);
