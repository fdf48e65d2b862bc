import { errorInfo } from "@sagacart/chassis/errors";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import {
  type BatchChargeResponse_Outcome,
  BatchChargeResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/payment/v1/payment_service";
import type { Codes, StepInput } from "../sagas/steps.ts";
import { enumName } from "./enum-name.ts";
import { type Move, type StepContext, toCodes, toUndo } from "./move.ts";

/** The way of an order that is paid; what it has behind it already changes nothing. */
const paidAndShipping = [Order_State.RESERVED, Order_State.PAID, Order_State.SHIPPING];

/** Takes the money of orders whose stock is PINNED. Those that the provider lets wait are RESERVED meanwhile. */
export async function charge(context: StepContext, { workflowId, orderIds }: StepInput): Promise<Codes> {
  const { services, book, move } = context;
  const orders = await book.recall(workflowId, orderIds);
  const states = new Map([...orders].map(([orderId, { state }]) => [orderId, state]));
  const moves: Move[] = [];
  const toCharge: Order[] = [];
  for (const order of orders.values()) {
    const isUnpaid = order.state === Order_State.PENDING || order.state === Order_State.RESERVED;
    if (isUnpaid && order.cancelRequestTime === undefined) {
      toCharge.push(order);
    } else if (isUnpaid || order.state === Order_State.PAID) {
      // Paid already, or to be cancelled: the move finds out.
      moves.push({ orderId: order.id, states: paidAndShipping });
    }
  }
  if (toCharge.length > 0) {
    const { outcomes } = await services.payment.batchCharge({ items: toCharge.map(toItem) });
    for (const outcome of outcomes) {
      const next = toMove(outcome, (orderId, detail, reason) => ({
        ...toUndo(orderId, Order_State.REJECTED, reason, detail),
        states: [Order_State.RESERVED, Order_State.CANCELLING],
      }));
      moves.push(next ?? { orderId: outcome.orderId, states: [Order_State.RESERVED] });
    }
  }
  for (const [orderId, state] of await move(workflowId, moves)) {
    states.set(orderId, state);
  }
  return toCodes(orderIds, states, codeOf);
}

/**
 * Takes the money of an order that awaits payment: its stock is pinned first, if its time is not over. A decline
 * leaves it waiting for another attempt.
 */
export async function pay(
  { services, book, move }: StepContext,
  { workflowId, orderId }: { workflowId: string; orderId: string },
): Promise<Codes> {
  const order = (await book.take(workflowId, [orderId])).get(orderId);
  if (order?.state !== Order_State.AWAITING_PAYMENT) {
    return order === undefined ? "g" : "n";
  }
  const states = new Map<string, Order_State>();
  const refusal = await pin(services, orderId);
  let next: Move | undefined;
  if (refusal !== undefined) {
    next = refusal;
  } else {
    const { outcomes } = await services.payment.batchCharge({ items: [toItem(order)] });
    const [outcome] = outcomes;
    if (outcome?.outcome.case === "refused") {
      const declineReason =
        outcome.outcome.value.declineReason || enumName(Refusal, outcome.outcome.value.reason).toLowerCase();
      await services.saga.recordDecline({ workflowId, orderId, attempt: attemptOf(order), declineReason });
      return "n";
    }
    next = outcome === undefined ? undefined : toMove(outcome, () => undefined);
  }
  if (next === undefined) {
    return "w";
  }
  for (const [id, state] of await move(workflowId, [next])) {
    states.set(id, state);
  }
  return toCodes([orderId], states, codeOf);
}

/** Keeps the stock of an order from expiring; where it has expired, how the order ends. */
async function pin(services: StepContext["services"], orderId: string): Promise<Move | undefined> {
  try {
    await services.stock.pinReservation({ id: orderId });
    return undefined;
  } catch (error) {
    const { reason } = errorInfo(error);
    if (reason === "RESERVATION_EXPIRED") {
      return toUndo(orderId, Order_State.EXPIRED, "PAYMENT_OVERDUE", "");
    }
    if (reason === "RESERVATION_RELEASED" || reason === "RESERVATION_NOT_FOUND") {
      return toUndo(orderId, Order_State.CANCELLED, "FAILED", `reservation: ${reason}`);
    }
    throw error;
  }
}

/** Asked again under the same attempt's number, the payment service answers what became of it. */
function toItem(order: Order) {
  const { id, customerId, total, payment } = order;
  return {
    orderId: id,
    attempt: attemptOf(order),
    customerId,
    paymentMethod: payment?.method ?? "",
    ...(total === undefined ? {} : { amount: total }),
  };
}

function attemptOf({ payment }: Order): number {
  return Math.max(1, payment?.attempt ?? 1);
}

type OnRefused = (orderId: string, detail: string, reason: string) => Move | undefined;

function toMove({ orderId, outcome }: BatchChargeResponse_Outcome, onRefused: OnRefused): Move | undefined {
  switch (outcome.case) {
    case "captured":
      return { orderId, states: paidAndShipping };
    case "refused": {
      const { reason, declineReason } = outcome.value;
      return reason === Refusal.DECLINED
        ? onRefused(orderId, declineReason, "PAYMENT_DECLINED")
        : onRefused(orderId, `payment: ${enumName(Refusal, reason)}`, "FAILED");
    }
    default:
      return undefined;
  }
}

function codeOf(state: Order_State): string {
  switch (state) {
    case Order_State.SHIPPING:
      return "n";
    case Order_State.RESERVED:
      return "w";
    case Order_State.CANCELLING:
      return "u";
    default:
      return "g";
  }
}
