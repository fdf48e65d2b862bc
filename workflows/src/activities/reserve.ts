import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import {
  type BatchReserveResponse_Outcome,
  BatchReserveResponse_Refused_Reason as Refusal,
} from "@sagacart/proto/stock/v1/stock_service";
import type { Services } from "../clients.ts";
import { type Outcome, plannedStep } from "../sagas/plan.ts";
import type { StepInput } from "../sagas/steps.ts";
import { chunked } from "./chunks.ts";
import { enumName } from "./enum-name.ts";
import { isIn, type Move, moveToOutcomes, type StepContext, statesOf, toUndo } from "./move.ts";
import type { Undone } from "./undo.ts";

const planned = plannedStep("reserve");

/**
 * Takes ownership of orders and reserves their stock. An order that is paid at once stays PENDING in the order service
 * until its charge moves it on; when this step runs again, stock gives the same answer.
 */
export async function reserve(context: StepContext, input: StepInput): Promise<Outcome[]> {
  const { services, cache } = context;
  const orders = await cache.take(input.workflowId, input.orderIds);
  const pending = [...orders.values()].filter((order) => isIn(order, planned.from));
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
  return await moveToOutcomes(context, input, { orders, moves, after: planned.after });
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
    return payment?.payLater === true ? [{ orderId: id, states: statesOf(planned.through) }] : [];
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
      // Released by hand, or reserved by something else under the same id: the order cannot go on with it.
      return [toUndo(id, Order_State.CANCELLED, "FAILED", `reservation: ${enumName(Refusal, reason)}`)];
  }
}

/** Undoes the step; returns the orders for which nothing is held any more. */
export async function release({ stock }: Services, orderIds: readonly string[]): Promise<Undone[]> {
  const { outcomes } = await stock.batchRelease({ orderIds: [...orderIds] });
  return outcomes.filter(({ outcome }) => outcome.case === "released").map(({ orderId }) => ({ orderId }));
}
