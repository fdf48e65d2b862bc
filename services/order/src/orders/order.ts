import { Order_State } from "@sagacart/proto/order/v1/order";

/** The states of an order, as they are stored. */
export type State = Exclude<keyof typeof Order_State, "UNSPECIFIED">;

/** The states in which an order may end once it is being undone. */
export type EndsAs = "REJECTED" | "CANCELLED" | "EXPIRED";

/** What a move looks at and changes. */
export type Standing = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  readonly cancelRequested: boolean;
  readonly cancelDetail: string;
};

/** What is asked for: through which states, and why. */
export type Move = {
  readonly states: readonly State[];
  readonly endsAs: EndsAs | undefined;
  readonly outcomeReason: string;
  readonly outcomeDetail: string;
};

/** A state that was come to. */
export type Step = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  readonly outcomeReason: string;
  readonly outcomeDetail: string;
};

/** Final states are never left. */
export function isFinal(state: State): boolean {
  return state === "COMPLETED" || state === "REJECTED" || state === "CANCELLED" || state === "EXPIRED";
}

/** Until the carrier is asked. */
export function isCancellable(state: State): boolean {
  return state in forwardFrom && state !== "SHIPPING";
}

/**
 * The steps that a move makes from where an order stands; none where it is there already, or where the move leads
 * back. A step forward looks whether somebody asked to cancel: then it leads to CANCELLING in its place, and the
 * rest of the move is not made. Throws on a move that no saga makes: that is a bug.
 */
export function planMove(standing: Standing, move: Move): Step[] {
  const steps: Step[] = [];
  let { state, endsAs } = standing;
  for (const target of move.states) {
    if (isFinal(state) || isBehind(target, state)) {
      continue;
    }
    const step = nextStep({ ...standing, state, endsAs }, target, move);
    if (step === undefined) {
      break;
    }
    steps.push(step);
    ({ state, endsAs } = step);
    if (state !== target) {
      break;
    }
  }
  return steps;
}

function nextStep(standing: Standing, target: State, move: Move): Step | undefined {
  const { state, endsAs } = standing;
  const { outcomeReason } = move;
  // Who cancels says why to the order service, which keeps it for whoever begins to undo the order.
  const outcomeDetail = move.outcomeDetail || (outcomeReason === "CANCELLED_BY_CUSTOMER" ? standing.cancelDetail : "");
  if (state === "CANCELLING") {
    // What is being undone does not go forward again; it ends as was decided when that began.
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
  if (standing.cancelRequested) {
    return {
      state: "CANCELLING",
      endsAs: "CANCELLED",
      outcomeReason: "CANCELLED_BY_CUSTOMER",
      outcomeDetail: standing.cancelDetail,
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

const road: readonly State[] = ["PENDING", "RESERVED", "AWAITING_PAYMENT", "PAID", "SHIPPING", "COMPLETED"];

/** Whether the order is at `target` already or past it. */
function isBehind(target: State, state: State): boolean {
  return target === state || (road.includes(target) && road.indexOf(target) < road.indexOf(state));
}

/** The type of the event that tells of a state. */
export function eventType(state: State): string {
  return `sagacart.order.${state === "PENDING" ? "created" : state.toLowerCase()}.v1`;
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

/** Checked: one of the states in which an undone order may end. */
export function endsAsFromProto(state: Order_State): EndsAs | undefined {
  const name = stateFromProto(state);
  return name === "REJECTED" || name === "CANCELLED" || name === "EXPIRED" ? name : undefined;
}
