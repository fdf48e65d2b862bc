import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { finishCommands } from "@sagacart/outbox/commands/command-store";
import { appendEvents } from "@sagacart/outbox/events/append";
import { isFinal } from "../orders/order.ts";
import { orderEventData } from "../orders/order-event.ts";
import {
  type Change,
  eventsOf,
  type Moved,
  movedBy,
  needsSummary,
  type OrderMove,
  planChange,
  type Summary,
} from "./move.ts";
import { type Decline, loadSummaries, lockOwnOrders, releaseCarts, saveChanges, saveDecline } from "./move-store.ts";
import { ownerKinds } from "./owner-store.ts";

/**
 * Moves the orders that this workflow owns; orders of another owner are not in the answer. An order that becomes final
 * releases its cart and drops its commands. A fixed number of statements, however many orders.
 */
export async function moveOrders(
  tx: Transaction,
  workflowId: string,
  moves: readonly OrderMove[],
): Promise<Map<string, Moved>> {
  const orders = await lockOwnOrders(
    tx,
    workflowId,
    moves.map(({ orderId }) => orderId),
  );
  const moved = new Map<string, Moved>();
  const changes: Change[] = [];
  for (const move of moves) {
    const order = orders.get(move.orderId);
    if (order === undefined) {
      continue;
    }
    const change = planChange(order, move);
    if (change !== undefined) {
      changes.push(change);
    }
    moved.set(order.id, movedBy(order, change));
  }
  if (changes.length > 0) {
    await saveChanges(tx, changes);
    const summaries = await summariesFor(tx, changes);
    await appendEvents(
      tx,
      changes.flatMap((change) => eventsOf(change, summaries.get(change.order.id))),
    );
    const ended = changes.filter(({ last }) => isFinal(last.state)).map(({ order }) => order.id);
    if (ended.length > 0) {
      await finishCommands(tx, ended, ownerKinds);
      await releaseCarts(tx, ended);
    }
  }
  return moved;
}

async function summariesFor(tx: Transaction, changes: readonly Change[]): Promise<Map<string, Summary>> {
  const ids = changes
    .filter(({ transitions }) => transitions.some(({ state }) => needsSummary(state)))
    .map(({ order }) => order.id);
  return ids.length === 0 ? new Map() : await loadSummaries(tx, ids);
}

/**
 * Records that an attempt to pay an order that awaits payment was declined, so that the customer may try again. Returns
 * false if the attempt is not the one under way, or this workflow does not own the order.
 */
export async function recordDecline(tx: Transaction, decline: Decline): Promise<boolean> {
  const { orderId: id, attempt, declineReason: reason } = decline;
  const order = await saveDecline(tx, decline);
  if (order === undefined) {
    return false;
  }
  await appendEvents(tx, [
    {
      subject: id,
      sequence: order.sequence,
      type: "sagacart.order.payment_declined.v1",
      data: { ...orderEventData({ ...order, id, state: "AWAITING_PAYMENT" }), reason, attempt },
    },
  ]);
  return true;
}
