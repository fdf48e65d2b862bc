import { type Order, Order_State, type OrderChange } from "@sagacart/proto/order/v1/order";

/** A line of an order's page: something that happened, or is happening, to it. */
export type TimelineEntry = {
  readonly what: "placed" | "reserve" | "charge" | "ship" | "undo-charge" | "undo-reserve" | "end";
  /**
   * `doing`: under way. `waiting`: for its customer. `todo`: comes next, if all goes well. `refused`: this is where it failed.
   * `skipped`: will not be done.
   */
  readonly status: "done" | "doing" | "waiting" | "todo" | "refused" | "skipped";
  /** When it was done or refused. */
  readonly time: OrderChange["time"];
};

type State = Order_State;
const S = Order_State;

export const finalStates: ReadonlySet<State> = new Set([S.COMPLETED, S.REJECTED, S.CANCELLED, S.EXPIRED]);

/** The states in which a step is behind the order. */
const behind = {
  reserve: [S.RESERVED, S.AWAITING_PAYMENT, S.PAID, S.SHIPPING, S.COMPLETED],
  charge: [S.PAID, S.SHIPPING, S.COMPLETED],
  ship: [S.COMPLETED],
} as const;

/** The reasons with which each step refuses an order. */
const refusals: Readonly<Record<keyof typeof behind, readonly string[]>> = {
  reserve: ["OUT_OF_STOCK"],
  charge: ["PAYMENT_DECLINED", "PAYMENT_OVERDUE"],
  ship: ["SHIPMENT_REFUSED"],
};

/**
 * Derives the saga from an order's changes: its steps in order, then what is undone, last step first, then how it ended.
 * Undoing is one change for the order, so its parts are under way together and done together.
 */
export function timelineOf(
  order: Pick<Order, "state" | "outcomeReason">,
  changes: readonly OrderChange[],
): TimelineEntry[] {
  const firstOf = (states: readonly State[]) => changes.find(({ state }) => states.includes(state));
  const undoing = firstOf([S.CANCELLING]);
  const end = finalStates.has(order.state) ? changes.find(({ state }) => state === order.state) : undefined;
  const isUndone = undoing !== undefined || (end !== undefined && order.state !== S.COMPLETED);
  let isReached = true;

  const steps = (["reserve", "charge", "ship"] as const).map((what): TimelineEntry => {
    const done = firstOf(behind[what]);
    if (done !== undefined) {
      return { what, status: "done", time: done.time };
    }
    const isFirst = isReached;
    isReached = false;
    if (isUndone) {
      const isRefused = isFirst && refusals[what].includes(order.outcomeReason);
      return { what, status: isRefused ? "refused" : "skipped", time: isRefused ? (undoing ?? end)?.time : undefined };
    }
    if (!isFirst) {
      return { what, status: "todo", time: undefined };
    }
    return {
      what,
      status: what === "charge" && order.state === S.AWAITING_PAYMENT ? "waiting" : "doing",
      time: undefined,
    };
  });

  // All steps are undone, whether or not they were done: an answer may have been lost.
  const undone = undoing === undefined ? [] : (["undo-charge", "undo-reserve"] as const);
  return [
    { what: "placed", status: "done", time: changes[0]?.time },
    ...steps,
    ...undone.map((what): TimelineEntry => ({ what, status: end === undefined ? "doing" : "done", time: end?.time })),
    ...(end === undefined ? [] : [{ what: "end", status: "done", time: end.time } satisfies TimelineEntry]),
  ];
}

/** Returns true if no payment was taken: there was no attempt, or the newest one was declined. */
export function isNothingTaken({ payment }: Pick<Order, "payment">): boolean {
  return payment !== undefined && (payment.declineReason !== "" || payment.attempt === 0);
}

/** Returns true while a customer may still cancel it: until the carrier is asked to ship it. */
export function isCancellable(state: State): boolean {
  return state === S.PENDING || state === S.RESERVED || state === S.AWAITING_PAYMENT || state === S.PAID;
}
