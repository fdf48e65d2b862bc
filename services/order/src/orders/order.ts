import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Address } from "@sagacart/proto/type/v1/address";
import { reasons } from "../reasons.ts";

/** The states of an order, as they are stored. */
export type State = Exclude<keyof typeof Order_State, "UNSPECIFIED">;

/** The states in which an order that is being undone may end. */
export type EndsAs = "REJECTED" | "CANCELLED" | "EXPIRED";

/** A line of an order to be recorded, at the quoted price. */
export type NewLine = {
  readonly productId: string;
  readonly sku: string;
  readonly title: string;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
};

/** An order to be recorded, PENDING. */
export type NewOrder = {
  readonly id: string;
  readonly customerId: string;
  readonly cartId: string | undefined;
  readonly fingerprint: Uint8Array;
  readonly currency: string;
  readonly totalMinor: bigint;
  readonly paymentMethod: string;
  readonly payLater: boolean;
  readonly expireTime: Date | undefined;
  readonly shippingAddress: Address | undefined;
  readonly contactEmail: string;
  /** The workflow that owns it from the start; undefined until a workflow claims it. */
  readonly ownerWorkflowId: string | undefined;
  readonly actor: Actor;
  readonly lines: readonly NewLine[];
};

/** The part of an order that a move reads and changes. */
export type Progress = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  readonly cancelRequested: boolean;
  /** The person or program that cancels it, if that was requested. */
  readonly cancelReason: CancelReason;
  readonly cancelDetail: string;
};

/** The reasons of a cancelled order. */
export type CancelReason = "CANCELLED_BY_CUSTOMER" | "CANCELLED_BY_SHOP";

/** Returns the reason of an order that this actor cancels. Before actors were recorded, it was always the customer's. */
export function cancelReasonOf(kind: Actor["kind"] | null): CancelReason {
  return kind === null || kind === "CUSTOMER" ? "CANCELLED_BY_CUSTOMER" : "CANCELLED_BY_SHOP";
}

/** A request to take an order through these states, and why. */
export type Move = {
  readonly states: readonly State[];
  readonly endsAs: EndsAs | undefined;
  readonly outcomeReason: string;
  readonly outcomeDetail: string;
};

/** One change of an order's state. */
export type Transition = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  readonly outcomeReason: string;
  readonly outcomeDetail: string;
};

/** The workflow of an order that has one of its own. */
export function ownWorkflowId(orderId: string): string {
  return `order-${orderId}`;
}

/** Returns true for a final state, which an order never leaves. */
export function isFinal(state: State): boolean {
  return state === "COMPLETED" || state === "REJECTED" || state === "CANCELLED" || state === "EXPIRED";
}

/** Returns true until the carrier is asked to ship the order. */
export function isCancellable(state: State): boolean {
  return state in forwardFrom && state !== "SHIPPING";
}

/** Throws ORDER_NOT_FOUND unless the order exists and is the customer's; a customerId of "" means any customer's. */
export function checkCustomer<T extends { readonly customerId: string }>(
  order: T | undefined,
  { id, customerId }: { readonly id: string; readonly customerId: string },
): asserts order is T {
  if (order === undefined || (customerId !== "" && order.customerId !== customerId)) {
    throw orderNotFound(id);
  }
}

export function orderNotFound(orderId: string): DomainError {
  return new DomainError(reasons, "ORDER_NOT_FOUND", `there is no order ${orderId}`, { order_id: orderId });
}

/**
 * The transitions of a move. There are none if the order has passed the requested states already. If it was asked
 * to cancel the order, its next step forward becomes CANCELLING and the rest of the move is dropped. Throws on a move
 * that no saga makes: that is a bug.
 */
export function planMove(progress: Progress, move: Move): Transition[] {
  const transitions: Transition[] = [];
  let { state, endsAs } = progress;
  for (const target of move.states) {
    if (isFinal(state) || hasReached(target, state)) {
      continue;
    }
    const transition = nextTransition({ ...progress, state, endsAs }, target, move);
    if (transition === undefined) {
      break;
    }
    transitions.push(transition);
    ({ state, endsAs } = transition);
    if (state !== target) {
      break;
    }
  }
  return transitions;
}

function nextTransition(progress: Progress, target: State, move: Move): Transition | undefined {
  const { state, endsAs } = progress;
  // The workflow knows that a cancel was requested, but not by whom and why.
  const isCancel = move.outcomeReason === "CANCELLED_BY_CUSTOMER";
  const outcomeReason = isCancel ? progress.cancelReason : move.outcomeReason;
  const outcomeDetail = move.outcomeDetail || (isCancel ? progress.cancelDetail : "");
  if (state === "CANCELLING") {
    // An order that is being undone never goes forward again, and ends as was decided when its undo began.
    return endsAs !== undefined && ends.has(target)
      ? { state: endsAs, endsAs: undefined, outcomeReason: "", outcomeDetail: "" }
      : undefined;
  }
  if (target === "CANCELLING" && move.endsAs !== undefined) {
    return { state: target, endsAs: move.endsAs, outcomeReason, outcomeDetail };
  }
  if (target === "REJECTED" && state === "PENDING") {
    return { state: target, endsAs: undefined, outcomeReason, outcomeDetail };
  }
  if (!forwardFrom[state]?.includes(target)) {
    throw new Error(`an order does not move from ${state} to ${target}`);
  }
  if (progress.cancelRequested) {
    return {
      state: "CANCELLING",
      endsAs: "CANCELLED",
      outcomeReason: progress.cancelReason,
      outcomeDetail: progress.cancelDetail,
    };
  }
  return { state: target, endsAs: undefined, outcomeReason: "", outcomeDetail: "" };
}

const ends: ReadonlySet<State> = new Set(["REJECTED", "CANCELLED", "EXPIRED"]);

const forwardFrom: Readonly<Partial<Record<State, readonly State[]>>> = {
  PENDING: ["RESERVED"],
  RESERVED: ["AWAITING_PAYMENT", "PAID"],
  AWAITING_PAYMENT: ["PAID"],
  PAID: ["SHIPPING"],
  SHIPPING: ["COMPLETED"],
};

const happyPath: readonly State[] = ["PENDING", "RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING", "COMPLETED"];

/** Returns true if an order in `state` is at `target` or past it. */
function hasReached(target: State, state: State): boolean {
  return target === state || (happyPath.includes(target) && happyPath.indexOf(target) < happyPath.indexOf(state));
}

/** The number of a state on the wire. */
export function stateToProto(state: State | null | undefined): Order_State {
  return state === null || state === undefined ? Order_State.UNSPECIFIED : Order_State[state];
}

const names = new Map<Order_State, State>(
  // Object.entries widens the keys; these are the enum's own.
  (Object.entries(Order_State) as [State, Order_State][]).map(([name, number]) => [number, name]),
);

/** The stored name of a state on the wire; undefined for UNSPECIFIED. */
export function stateFromProto(state: Order_State): State | undefined {
  return state === Order_State.UNSPECIFIED ? undefined : names.get(state);
}

/** The stored name of a state in which an order that is being undone may end; undefined for any other state. */
export function endsAsFromProto(state: Order_State): EndsAs | undefined {
  const name = stateFromProto(state);
  return name === "REJECTED" || name === "CANCELLED" || name === "EXPIRED" ? name : undefined;
}
