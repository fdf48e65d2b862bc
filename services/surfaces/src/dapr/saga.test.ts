import { create } from "@bufbuild/protobuf";
import { IncidentSchema } from "@sagacart/proto/order/v1/incident";
import { Order_State, OrderChangeSchema, OrderSchema } from "@sagacart/proto/order/v1/order";
import { Payment_State, PaymentSchema } from "@sagacart/proto/payment/v1/payment";
import { Reservation_State, ReservationSchema } from "@sagacart/proto/stock/v1/reservation";
import { expect, test } from "vitest";
import { type SagaFacts, sagaOf } from "./saga.ts";

type StateName = Exclude<keyof typeof Order_State, number>;

/** An order that went this way, and what is held for it. */
function known(way: StateName[], outcomeReason = "", held: Partial<SagaFacts> = {}): SagaFacts {
  const changes = way.map((state, index) =>
    create(OrderChangeSchema, { state: Order_State[state], time: { seconds: BigInt(index) } }),
  );
  return { order: create(OrderSchema, { state: changes.at(-1)!.state, outcomeReason }), changes, ...held };
}

const amount = { currencyCode: "USD", minorUnits: 5n };
const payments = (...states: (keyof typeof Payment_State)[]) =>
  states.map((state) => create(PaymentSchema, { state: Payment_State[state], amount }));
const reservation = (state: keyof typeof Reservation_State) =>
  create(ReservationSchema, { state: Reservation_State[state], lines: [{ productId: "p", quantity: 1 }] });

const onTheWay: [StateName[], string[], string | null][] = [
  [["PENDING"], ["DONE", "RUNNING", "NOT_REACHED", "NOT_REACHED", "NOT_REACHED"], "reserve"],
  [["PENDING", "RESERVED"], ["DONE", "DONE", "RUNNING", "NOT_REACHED", "NOT_REACHED"], "pay"],
  [["PENDING", "RESERVED", "AWAITING_PAYMENT"], ["DONE", "DONE", "WAITING", "NOT_REACHED", "NOT_REACHED"], "pay"],
  [["PENDING", "RESERVED", "PAID"], ["DONE", "DONE", "DONE", "RUNNING", "NOT_REACHED"], "ship"],
  [["PENDING", "RESERVED", "PAID", "SHIPPING"], ["DONE", "DONE", "DONE", "RUNNING", "NOT_REACHED"], "ship"],
  [["PENDING", "RESERVED", "PAID", "SHIPPING", "COMPLETED"], ["DONE", "DONE", "DONE", "DONE", "DONE"], null],
];

test.each(onTheWay)("an order that went %s has its steps %s", (way, states, step) => {
  const saga = sagaOf(known(way));
  expect(saga.steps.map(({ state }) => state)).toEqual(states);
  expect([saga.step, saga.attempt, saga.compensation]).toEqual([step, step === null ? null : 1, null]);
});

test("a step has the time when it was done", () => {
  const { steps } = sagaOf(known(["PENDING", "RESERVED", "PAID"]));
  expect(steps.map(({ name, time }) => [name, time?.seconds])).toEqual([
    ["create", 0n],
    ["reserve", 1n],
    ["pay", 2n],
    ["ship", undefined],
    ["complete", undefined],
  ]);
});

test("each incident is another attempt", () => {
  const incident = create(IncidentSchema, { step: "charge", attempts: 3 });
  expect(sagaOf(known(["PENDING", "RESERVED"], "", { incident })).attempt).toBe(4);
});

test("sold out is a failed reservation, and nothing is undone", () => {
  const saga = sagaOf(known(["PENDING", "REJECTED"], "OUT_OF_STOCK"));
  expect(saga.steps.map(({ state }) => state)).toEqual(["DONE", "FAILED", "NOT_REACHED", "NOT_REACHED", "NOT_REACHED"]);
  expect(saga.compensation).toBeNull();
});

const refused: StateName[] = ["PENDING", "RESERVED", "PAID", "SHIPPING", "CANCELLING"];

const undoing: [string, SagaFacts, string[], string[], string][] = [
  [
    "the payment first",
    known(refused, "SHIPMENT_REFUSED", { payments: payments("CAPTURED"), reservation: reservation("PINNED") }),
    [],
    ["payment", "stock"],
    "refund",
  ],
  [
    "then the stock",
    known(refused, "SHIPMENT_REFUSED", { payments: payments("VOIDED"), reservation: reservation("PINNED") }),
    ["payment"],
    ["stock"],
    "release",
  ],
  [
    "until nothing is left",
    known(refused, "SHIPMENT_REFUSED", { payments: payments("VOIDED"), reservation: reservation("RELEASED") }),
    ["payment", "stock"],
    [],
    "release",
  ],
  ["all that the history tells of, where nobody could be asked", known(refused), [], ["payment", "stock"], "refund"],
  [
    "no payment that was declined",
    known(["PENDING", "RESERVED", "CANCELLING"], "PAYMENT_DECLINED", {
      payments: payments("DECLINED"),
      reservation: reservation("PINNED"),
    }),
    [],
    ["stock"],
    "release",
  ],
  [
    "a payment that the provider has not decided",
    known(["PENDING", "RESERVED", "CANCELLING"], "CANCELLED_BY_CUSTOMER", {
      payments: payments("PENDING"),
      reservation: reservation("PINNED"),
    }),
    [],
    ["payment", "stock"],
    "refund",
  ],
  [
    "nothing that never came",
    known(["PENDING", "CANCELLING"], "CANCELLED_BY_CUSTOMER", {
      payments: [create(PaymentSchema, { state: Payment_State.VOIDED })],
      reservation: create(ReservationSchema, { state: Reservation_State.RELEASED }),
    }),
    [],
    [],
    "release",
  ],
];

test.each(undoing)("undone is %s", (_what, about, undone, toUndo, step) => {
  const saga = sagaOf(about);
  expect(saga.compensation).toEqual({ undone, toUndo });
  expect(saga.step).toBe(step);
});

test("an order whose carrier refused ends with its steps undone", () => {
  const held = { payments: payments("VOIDED"), reservation: reservation("RELEASED") };
  const saga = sagaOf(known([...refused, "CANCELLED"], "SHIPMENT_REFUSED", held));
  expect(saga.steps.map(({ state }) => state)).toEqual(["DONE", "UNDONE", "UNDONE", "FAILED", "NOT_REACHED"]);
  expect([saga.step, saga.attempt]).toEqual([null, null]);
});

test("a final order is completely undone, also if no service can be read", () => {
  const saga = sagaOf(known([...refused, "CANCELLED"], "SHIPMENT_REFUSED"));
  expect(saga.compensation).toEqual({ undone: ["payment", "stock"], toUndo: [] });
});
