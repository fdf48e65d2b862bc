import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import {
  type BatchReserveResponse_Outcome,
  BatchReserveResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/stock/v1/stock_service";
import type { Codes, StepInput } from "../sagas/steps.ts";
import { chunked } from "./chunks.ts";
import { enumName } from "./enum-name.ts";
import { type Move, type StepContext, toCodes, toUndo } from "./move.ts";

/**
 * Takes orders on and sets their stock aside. An order that goes on at once is moved to RESERVED together with what
 * its charge comes to: one write less for each order, and a second run of this step gets the same answer from stock.
 */
export async function reserve({ services, book, move }: StepContext, input: StepInput): Promise<Codes> {
  const { workflowId, orderIds } = input;
  const orders = await book.take(workflowId, orderIds);
  const states = new Map([...orders].map(([orderId, { state }]) => [orderId, state]));
  const pending = [...orders.values()].filter(({ state }) => state === Order_State.PENDING);
  const responses = await Promise.all(
    chunked(pending, linesPerCall, ({ lines }) => lines.length).map((some) =>
      services.stock.batchReserve({ items: some.map(toItem) }),
    ),
  );
  const moves = responses
    .flatMap(({ outcomes }) => outcomes)
    .flatMap((outcome) => {
      const order = orders.get(outcome.orderId);
      return order === undefined ? [] : toMoves(order, outcome);
    });
  for (const [orderId, state] of await move(workflowId, moves)) {
    states.set(orderId, state);
  }
  return toCodes(orderIds, states, codeOf);
}

const linesPerCall = 10_000;

function toItem({ id, lines, payment, expireTime }: Order) {
  return {
    orderId: id,
    lines: lines.map(({ productId, quantity }) => ({ productId, quantity })),
    ...(payment?.payLater === true && expireTime !== undefined ? { expireTime } : {}),
  };
}

function toMoves({ id, payment }: Order, { outcome }: BatchReserveResponse_Outcome): Move[] {
  if (outcome.case === "reserved") {
    const states = [Order_State.RESERVED, Order_State.AWAITING_PAYMENT];
    return payment?.payLater === true ? [{ orderId: id, states }] : [];
  }
  const reason = outcome.value?.reason ?? Refusal.UNSPECIFIED;
  switch (reason) {
    case Refusal.OUT_OF_STOCK:
      return [
        {
          orderId: id,
          states: [Order_State.REJECTED],
          outcomeReason: "OUT_OF_STOCK",
          shortages:
            outcome.value?.shortages.map(({ productId, requested, available }) => ({
              productId,
              requested,
              available,
            })) ?? [],
        },
      ];
    case Refusal.EXPIRED:
      return [toUndo(id, Order_State.EXPIRED, "PAYMENT_OVERDUE", "")];
    default:
      // Released by hand, or taken by something else of the same id: nothing that this order can go on with.
      return [toUndo(id, Order_State.CANCELLED, "FAILED", `reservation: ${enumName(Refusal, reason)}`)];
  }
}

function codeOf(state: Order_State): string {
  switch (state) {
    case Order_State.PENDING:
    case Order_State.RESERVED:
    case Order_State.PAID:
    case Order_State.SHIPPING:
      return "n";
    case Order_State.AWAITING_PAYMENT:
      return "w";
    case Order_State.CANCELLING:
      return "u";
    default:
      return "g";
  }
}
