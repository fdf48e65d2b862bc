import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { truncate } from "@sagacart/chassis/truncate";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type {
  BatchMoveRequest_Item,
  BatchMoveRequest_ItemSchema,
  SagaService,
} from "@sagacart/proto/order/v1/saga_service";
import type { Services } from "../clients.ts";
import type { OrderState, Outcome, OutcomeByState } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import type { OrderCache } from "./order-cache.ts";

/** The dependencies of every step. */
export type StepContext = { readonly services: Services; readonly cache: OrderCache; readonly move: Mover };

/** An order's move to its next states. */
export type Move = MessageInitShape<typeof BatchMoveRequest_ItemSchema> & Pick<BatchMoveRequest_Item, "orderId">;

/** Moves orders; returns the state of each afterwards, by its id. */
export type Mover = (workflowId: string, moves: readonly Move[]) => Promise<Map<string, Order_State>>;

/** Moves orders through the order service, and updates the cache. */
export function createMover(saga: Client<typeof SagaService>, cache: OrderCache): Mover {
  return async (workflowId, moves) => {
    if (moves.length === 0) {
      return new Map();
    }
    const { outcomes } = await saga.batchMove({ workflowId, items: [...moves] });
    cache.moved(workflowId, outcomes);
    return new Map(outcomes.map(({ orderId, state }) => [orderId, state]));
  };
}

/** A move that begins to undo an order, and says how it will end. */
export function toUndo(orderId: string, endsAs: Order_State, outcomeReason: string, outcomeDetail: string): Move {
  return {
    orderId,
    states: [Order_State.CANCELLING],
    endsAs,
    outcomeReason,
    outcomeDetail: truncate(outcomeDetail, 500),
  };
}

/** The contract's numbers of these states. */
export function statesOf(names: readonly OrderState[]): Order_State[] {
  return names.map((name) => Order_State[name]);
}

/** Returns true if the order is in one of these states. */
export function isIn({ state }: Order, names: readonly OrderState[]): boolean {
  return names.some((name) => Order_State[name] === state);
}

/**
 * Moves orders, the last thing that a step does. Returns an outcome for each order of the input, by the state that the
 * order is in then; "gone" for orders that this workflow does not own.
 */
export async function moveToOutcomes(
  { move }: Pick<StepContext, "move">,
  { workflowId, orderIds }: StepInput,
  { orders, moves, after }: { orders: ReadonlyMap<string, Order>; moves: readonly Move[]; after: OutcomeByState },
): Promise<Outcome[]> {
  // Read before the move, which updates the cached orders too.
  const states = new Map([...orders].map(([orderId, { state }]) => [orderId, state]));
  for (const [orderId, state] of await move(workflowId, moves)) {
    states.set(orderId, state);
  }
  return orderIds.map((orderId) => outcomeByNumber(states.get(orderId), after));
}

function outcomeByNumber(state: Order_State | undefined, after: OutcomeByState): Outcome {
  const name = state === undefined ? undefined : stateNames.get(state);
  return (name === undefined ? undefined : after[name]) ?? "gone";
}

const stateNames: ReadonlyMap<Order_State, OrderState> = new Map(
  // Object.entries widens the keys; these are the enum's own, and no row of the plan names UNSPECIFIED.
  (Object.entries(Order_State) as [OrderState, Order_State][]).map(([name, state]) => [state, name]),
);
