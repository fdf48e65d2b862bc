import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { Order_State } from "@sagacart/proto/order/v1/order";
import type {
  BatchMoveRequest_Item,
  BatchMoveRequest_ItemSchema,
  SagaService,
} from "@sagacart/proto/order/v1/saga_service";
import type { Services } from "../clients.ts";
import type { Codes } from "../sagas/steps.ts";
import type { OrderBook } from "./order-cache.ts";

/** What every step is given. */
export type StepContext = { readonly services: Services; readonly book: OrderBook; readonly move: Mover };

/** A move, as the step sees it. */
export type Move = MessageInitShape<typeof BatchMoveRequest_ItemSchema> & Pick<BatchMoveRequest_Item, "orderId">;

/** Moves orders; answers where each stands now, by its id. */
export type Mover = (workflowId: string, moves: readonly Move[]) => Promise<Map<string, Order_State>>;

/** Moves orders through the order service, and keeps the book true. */
export function createMover(saga: Client<typeof SagaService>, book: OrderBook): Mover {
  return async (workflowId, moves) => {
    if (moves.length === 0) {
      return new Map();
    }
    const { outcomes } = await saga.batchMove({ workflowId, items: [...moves] });
    book.moved(workflowId, outcomes);
    return new Map(outcomes.map(({ orderId, state }) => [orderId, state]));
  };
}

/** A move that begins to undo an order, and says as what it will end. */
export function toUndo(orderId: string, endsAs: Order_State, outcomeReason: string, outcomeDetail: string): Move {
  return {
    orderId,
    states: [Order_State.CANCELLING],
    endsAs,
    outcomeReason,
    outcomeDetail: outcomeDetail.slice(0, 500),
  };
}

/** Where each order stands, as codes in the order of the ids; `of` says what a state means for this step. */
export function toCodes(
  orderIds: readonly string[],
  states: ReadonlyMap<string, Order_State>,
  of: (state: Order_State) => string,
): Codes {
  return orderIds.map((orderId) => of(states.get(orderId) ?? Order_State.UNSPECIFIED)).join("");
}
