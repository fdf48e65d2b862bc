import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Incident } from "@sagacart/proto/order/v1/incident";
import { type Order, Order_State, type OrderChange } from "@sagacart/proto/order/v1/order";
import { type Payment, Payment_State } from "@sagacart/proto/payment/v1/payment";
import { type Reservation, Reservation_State } from "@sagacart/proto/stock/v1/reservation";

/** The facts that the services have about an order. Absent fields could not be read. */
export type SagaFacts = {
  readonly order: Order;
  /** Every change of its state, oldest first. */
  readonly changes: readonly OrderChange[];
  /** The open incident of the order or of its batch. */
  readonly incident?: Incident | undefined;
  readonly payments?: readonly Payment[] | undefined;
  readonly reservation?: Reservation | undefined;
};

/** WAITING is for the customer; UNDOING and UNDONE are by compensation. */
export type StepState = "DONE" | "RUNNING" | "WAITING" | "FAILED" | "NOT_REACHED" | "UNDOING" | "UNDONE";
export type Step = { readonly name: string; readonly state: StepState; readonly time: Timestamp | undefined };

export type Saga = {
  readonly steps: readonly Step[];
  /** The current step; null once the order is final. */
  readonly step: "reserve" | "pay" | "ship" | "refund" | "release" | null;
  /** 1, plus one for each time that an operator was told that the step does not succeed. */
  readonly attempt: number | null;
  /** The steps that have been undone and those that remain; null without compensation. */
  readonly compensation: { readonly undone: readonly Undo[]; readonly toUndo: readonly Undo[] } | null;
};
export type Undo = "payment" | "stock";

/**
 * Derives an order's saga: create, reserve, pay, ship, complete, and their compensation. Progress comes from the order's
 * history, and what is reserved and charged now from stock and payment. If one of these could not be read, everything in the
 * history counts as still to undo until the order is final.
 */
export function sagaOf(known: SagaFacts): Saga {
  const { order, incident } = known;
  const compensation = compensationOf(known);
  const step = currentStep(order.state, compensation?.toUndo ?? []);
  return {
    steps: stepsOf(known, compensation),
    step,
    attempt: step === null ? null : 1 + (incident?.attempts ?? 0),
    compensation,
  };
}

function currentStep(state: Order_State, toUndo: readonly Undo[]): Saga["step"] {
  switch (state) {
    case Order_State.PENDING:
      return "reserve";
    case Order_State.RESERVED:
    case Order_State.AWAITING_PAYMENT:
      return "pay";
    case Order_State.PAID:
    case Order_State.SHIPPING:
      return "ship";
    case Order_State.CANCELLING:
      // Undo in reverse order.
      return toUndo.includes("payment") ? "refund" : "release";
    default:
      return null;
  }
}

function compensationOf(known: SagaFacts): Saga["compensation"] {
  if (timeOf(known, Order_State.CANCELLING) === undefined) {
    return null;
  }
  const isOver = known.order.state !== Order_State.CANCELLING;
  const marks = { payment: paymentMark(known), stock: stockMark(known) };
  const all: readonly Undo[] = ["payment", "stock"];
  return {
    undone: all.filter((what) => marks[what] === "undone" || (isOver && marks[what] === "to undo")),
    toUndo: all.filter((what) => marks[what] === "to undo" && !isOver),
  };
}

type Mark = "nothing" | "to undo" | "undone";

function paymentMark({ payments, ...known }: SagaFacts): Mark {
  if (payments === undefined) {
    return timeOf(known, Order_State.PAID) === undefined ? "nothing" : "to undo";
  }
  // A payment that arrived after the undo is recorded without an amount: there was nothing to undo.
  const real = payments.filter(({ amount }) => amount !== undefined);
  if (real.some(({ state }) => state === Payment_State.PENDING || state === Payment_State.CAPTURED)) {
    return "to undo";
  }
  return real.some(({ state }) => state === Payment_State.VOIDED) ? "undone" : "nothing";
}

function stockMark({ reservation, ...known }: SagaFacts): Mark {
  if (reservation === undefined) {
    return timeOf(known, Order_State.RESERVED) === undefined ? "nothing" : "to undo";
  }
  switch (reservation.state) {
    case Reservation_State.HELD:
    case Reservation_State.PINNED:
      return "to undo";
    case Reservation_State.RELEASED:
    case Reservation_State.EXPIRED:
      return reservation.lines.length > 0 ? "undone" : "nothing";
    default:
      return "nothing";
  }
}

function stepsOf(known: SagaFacts, compensation: Saga["compensation"]): Step[] {
  const { state, outcomeReason } = known.order;
  const stateOf = (what: Undo | null, came: boolean, isUnderWay: boolean, hasFailed: boolean): StepState => {
    if (what !== null && compensation?.toUndo.includes(what)) {
      return "UNDOING";
    }
    if (hasFailed) {
      return "FAILED";
    }
    if (what !== null && compensation?.undone.includes(what)) {
      return "UNDONE";
    }
    return came ? "DONE" : isUnderWay ? "RUNNING" : "NOT_REACHED";
  };
  const times = {
    create: timeOf(known, Order_State.PENDING),
    reserve: timeOf(known, Order_State.RESERVED),
    pay: timeOf(known, Order_State.PAID),
    complete: timeOf(known, Order_State.COMPLETED),
  };
  const came = (time: Timestamp | undefined) => time !== undefined;
  const isShipping = state === Order_State.PAID || state === Order_State.SHIPPING;
  const pay = stateOf("payment", came(times.pay), state === Order_State.RESERVED, outcomeReason === "PAYMENT_DECLINED");
  return [
    { name: "create", state: "DONE", time: times.create },
    {
      name: "reserve",
      state: stateOf("stock", came(times.reserve), state === Order_State.PENDING, outcomeReason === "OUT_OF_STOCK"),
      time: times.reserve,
    },
    { name: "pay", state: state === Order_State.AWAITING_PAYMENT ? "WAITING" : pay, time: times.pay },
    {
      name: "ship",
      state: stateOf(null, came(times.complete), isShipping, outcomeReason === "SHIPMENT_REFUSED"),
      time: times.complete,
    },
    { name: "complete", state: stateOf(null, came(times.complete), false, false), time: times.complete },
  ];
}

/** Returns when the order entered this state. */
function timeOf({ changes }: Pick<SagaFacts, "changes">, state: Order_State): Timestamp | undefined {
  return changes.find((change) => change.state === state)?.time;
}
