import type { Amount } from "@sagacart/chassis/money";
import type { NewEvent } from "@sagacart/outbox/events/append";
import type { JsonObject } from "@sagacart/outbox/json";
import {
  type CancelReason,
  type EndsAs,
  isFinal,
  type Move,
  planMove,
  type State,
  type Transition,
} from "../orders/order.ts";
import { eventType, orderEventData } from "../orders/order-event.ts";

export type Shortage = { readonly productId: string; readonly requested: number; readonly available: number };

/** The requested move of one order. */
export type OrderMove = Move & {
  readonly orderId: string;
  readonly shortages: readonly Shortage[];
  readonly trackingNumber: string;
  /** The money that the customer got back, if the order ends undone; undefined if that is not known. */
  readonly payBack?: PaidBack | undefined;
};

/** The parts of the taken money that a customer got back; nothing was taken if both are undefined. */
export type PaidBack = { readonly paidBack: Amount | undefined; readonly settledOtherwise: Amount | undefined };

/** An order that is to be moved. */
export type MovableOrder = {
  readonly id: string;
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  readonly sequence: number;
  readonly cancelRequested: boolean;
  readonly cancelReason: CancelReason;
  readonly cancelDetail: string;
  readonly customerId: string;
  readonly currency: string;
  readonly totalMinor: bigint;
  readonly contactEmail: string;
  /** The cart that it was made of; "" if it was made of lines. */
  readonly cartId: string;
  readonly outcomeReason: string;
  readonly createTime: Date;
};

/** An order after a move, and how it got there. */
export type Moved = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  /** The states that the order went through, the last one included; none if the move changed nothing. */
  readonly passed: readonly State[];
  readonly reason: string;
  readonly createTime: Date;
};

/** A move that changes its order: at least one transition. */
export type Change = {
  readonly order: MovableOrder;
  readonly move: OrderMove;
  readonly transitions: readonly Transition[];
  readonly last: Transition;
};

/** Plans a move; undefined if it changes nothing. */
export function planChange(order: MovableOrder, move: OrderMove): Change | undefined {
  const transitions = planMove(order, move);
  const last = transitions.at(-1);
  return last && { order, move, transitions, last };
}

/** The order after the change, or as it was if there is none. */
export function movedBy(order: MovableOrder, change: Change | undefined): Moved {
  const { state, endsAs } = change?.last ?? order;
  return {
    state,
    endsAs,
    passed: change?.transitions.map((transition) => transition.state) ?? [],
    reason: change?.last.outcomeReason || order.outcomeReason,
    createTime: order.createTime,
  };
}

/** The contents of an order, for the events that customers are notified of. */
export type Summary = {
  readonly reason: string;
  readonly detail: string;
  readonly lines: unknown;
  readonly shortages: readonly Shortage[] | null;
  readonly expireTime: Date | null;
};

/** Returns true if customers are notified of the state, so that its event carries a summary of the order. */
export function needsSummary(state: State): boolean {
  return summarized.has(state);
}

const summarized: ReadonlySet<State> = new Set(["COMPLETED", "REJECTED", "CANCELLED", "EXPIRED", "AWAITING_PAYMENT"]);

/** The events of a change, one per transition. */
export function eventsOf({ order, move, transitions }: Change, summary: Summary | undefined): NewEvent[] {
  return transitions.map(({ state, outcomeReason, outcomeDetail }, index) => {
    const shown = needsSummary(state) ? summary : undefined;
    return {
      subject: order.id,
      sequence: order.sequence + index + 1,
      type: eventType(state),
      data: {
        ...orderEventData({ ...order, state }),
        ...optional("reason", outcomeReason || shown?.reason),
        ...optional("detail", outcomeDetail || shown?.detail),
        ...(shown === undefined
          ? {}
          : {
              lines: shown.lines,
              ...(state === "REJECTED" ? shortages(shown) : {}),
              ...(state === "AWAITING_PAYMENT" ? optional("expireTime", shown.expireTime?.toISOString()) : {}),
              ...optional("contactEmail", order.contactEmail),
              ...optional("cartId", order.cartId),
              ...optional("trackingNumber", move.trackingNumber),
              ...(isFinal(state) && move.payBack !== undefined ? { payBack: payBackData(move.payBack) } : {}),
            }),
      },
    };
  });
}

function shortages({ shortages }: Summary): { shortages?: unknown } {
  return shortages === null
    ? {}
    : { shortages: shortages.map(({ productId, requested, available }) => ({ productId, requested, available })) };
}

function payBackData({ paidBack, settledOtherwise }: PaidBack): JsonObject {
  const amountOf = ({ currencyCode, minorUnits }: Amount) => ({ currencyCode, minorUnits: minorUnits.toString() });
  return {
    ...(paidBack === undefined ? {} : { paidBack: amountOf(paidBack) }),
    ...(settledOtherwise === undefined ? {} : { settledOtherwise: amountOf(settledOtherwise) }),
  };
}

function optional(name: string, value: string | undefined): { [key: string]: string } {
  return value === undefined || value === "" ? {} : { [name]: value };
}
