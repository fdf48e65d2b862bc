import type { Client } from "@connectrpc/connect";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type {
  BatchBeginResponse_Dropped,
  BatchMoveResponse_Outcome,
  SagaService,
} from "@sagacart/proto/order/v1/saga_service";
import { chunked } from "./chunks.ts";

/**
 * The orders that this process is working on. What a step reads of them either never changes (lines, amounts, address)
 * or is checked again by the services, so the steps of a batch load them once.
 */
export type OrderCache = {
  /** Takes ownership of orders in the order service; returns those that are this workflow's and not final, by id. */
  take(workflowId: string, orderIds: readonly string[], onDropped?: OnDropped): Promise<Map<string, Order>>;
  /** Like take, but from memory if this process took all of them for this workflow before. */
  recall(workflowId: string, orderIds: readonly string[], onDropped?: OnDropped): Promise<Map<string, Order>>;
  /** Updates the orders' states after a move, and forgets the orders that are final or owned by another workflow. */
  moved(workflowId: string, outcomes: readonly Pick<BatchMoveResponse_Outcome, "orderId" | "state">[]): void;
};

/** Called with each order that is not taken, and what the order service says of it. */
export type OnDropped = (orderId: string, dropped: BatchBeginResponse_Dropped) => void;

/** A cache that evicts the orders that were taken first when it holds more than `maxOrders`. */
export function createOrderCache(saga: Client<typeof SagaService>, maxOrders = 20_000): OrderCache {
  const cached = new Map<string, Order>();
  const key = (workflowId: string, orderId: string) => `${workflowId} ${orderId}`;

  async function take(
    workflowId: string,
    orderIds: readonly string[],
    onDropped?: OnDropped,
  ): Promise<Map<string, Order>> {
    const taken = new Map<string, Order>();
    const responses = await Promise.all(
      chunked(orderIds, ordersPerCall).map((ids) => saga.batchBegin({ workflowId, orderIds: ids })),
    );
    for (const { orderId, outcome } of responses.flatMap(({ outcomes }) => outcomes)) {
      if (outcome.case === "taken") {
        taken.set(orderId, outcome.value);
        cached.set(key(workflowId, orderId), outcome.value);
      } else if (outcome.case === "dropped") {
        onDropped?.(orderId, outcome.value);
      }
    }
    for (const oldest of cached.keys()) {
      if (cached.size <= maxOrders) {
        break;
      }
      cached.delete(oldest);
    }
    return taken;
  }

  return {
    take,
    async recall(workflowId, orderIds, onDropped) {
      const known = new Map<string, Order>();
      for (const orderId of orderIds) {
        const order = cached.get(key(workflowId, orderId));
        if (order !== undefined) {
          known.set(orderId, order);
        }
      }
      return known.size === orderIds.length ? known : await take(workflowId, orderIds, onDropped);
    },
    moved(workflowId, outcomes) {
      for (const { orderId, state } of outcomes) {
        const order = cached.get(key(workflowId, orderId));
        if (order === undefined) {
          continue;
        }
        if (isOver.has(state)) {
          cached.delete(key(workflowId, orderId));
        } else {
          order.state = state;
        }
      }
    },
  };
}

/** Keeps an answer small when each order has a hundred lines. */
const ordersPerCall = 250;

const isOver: ReadonlySet<Order_State> = new Set([
  Order_State.UNSPECIFIED,
  Order_State.COMPLETED,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
]);
