import { describe, expect, test } from "vitest";
import { type Move, type Progress, planMove, type State } from "./order.ts";

const at = (state: State, more: Partial<Progress> = {}): Progress => ({
  state,
  endsAs: undefined,
  cancelRequested: false,
  cancelReason: "CANCELLED_BY_CUSTOMER",
  cancelDetail: "",
  ...more,
});
const to = (states: readonly State[], more: Partial<Move> = {}): Move => ({
  states,
  endsAs: undefined,
  outcomeReason: "",
  outcomeDetail: "",
  ...more,
});
const way = (progress: Progress, move: Move) => planMove(progress, move).map(({ state }) => state);

describe("a move", () => {
  test.each<[State, State[], State[]]>([
    ["PENDING", ["RESERVED"], ["RESERVED"]],
    ["PENDING", ["RESERVED", "AWAITING_PAYMENT"], ["RESERVED", "AWAITING_PAYMENT"]],
    ["RESERVED", ["PAID", "SHIPPING"], ["PAID", "SHIPPING"]],
    ["AWAITING_PAYMENT", ["PAID", "SHIPPING"], ["PAID", "SHIPPING"]],
    ["PAID", ["PAID", "SHIPPING"], ["SHIPPING"]],
    ["SHIPPING", ["COMPLETED"], ["COMPLETED"]],
    ["PENDING", ["REJECTED"], ["REJECTED"]],
  ])("goes forward from %s by %j", (from, states, expected) => {
    expect(way(at(from), to(states))).toEqual(expected);
  });

  test.each<[State, State[]]>([
    ["RESERVED", ["RESERVED"]],
    ["SHIPPING", ["RESERVED"]],
    ["SHIPPING", ["PAID", "SHIPPING"]],
    ["COMPLETED", ["RESERVED"]],
    ["COMPLETED", ["COMPLETED"]],
    ["REJECTED", ["PAID", "SHIPPING"]],
    ["CANCELLED", ["CANCELLED"]],
    ["EXPIRED", ["COMPLETED"]],
  ])("to states that were passed changes nothing: from %s by %j", (from, states) => {
    expect(way(at(from), to(states))).toEqual([]);
  });

  test.each<[State, State[]]>([
    ["PENDING", ["COMPLETED"]],
    ["PENDING", ["PAID"]],
    ["RESERVED", ["SHIPPING"]],
    ["RESERVED", ["REJECTED"]],
    ["AWAITING_PAYMENT", ["COMPLETED"]],
    ["PENDING", ["CANCELLED"]],
  ])("that no saga makes throws: from %s by %j", (from, states) => {
    expect(() => planMove(at(from), to(states))).toThrow(/does not move/);
  });

  test("begins the undo of an order, with the state in which it will end", () => {
    const move = to(["CANCELLING"], { endsAs: "REJECTED", outcomeReason: "PAYMENT_DECLINED", outcomeDetail: "no" });
    expect(planMove(at("RESERVED"), move)).toEqual([
      { state: "CANCELLING", endsAs: "REJECTED", outcomeReason: "PAYMENT_DECLINED", outcomeDetail: "no" },
    ]);
  });

  test.each(["REJECTED", "CANCELLED", "EXPIRED"] as const)(
    "ends an order that is being undone in the decided state: %s",
    (endsAs) => {
      expect(way(at("CANCELLING", { endsAs }), to(["CANCELLED"]))).toEqual([endsAs]);
    },
  );

  test("never takes an order that is being undone forward", () => {
    expect(way(at("CANCELLING", { endsAs: "REJECTED" }), to(["PAID", "SHIPPING"]))).toEqual([]);
    expect(way(at("CANCELLING", { endsAs: "REJECTED" }), to(["COMPLETED"]))).toEqual([]);
  });
});

describe("a cancel that was asked for", () => {
  test.each<[State, State[]]>([
    ["PENDING", ["RESERVED"]],
    ["RESERVED", ["PAID", "SHIPPING"]],
    ["RESERVED", ["AWAITING_PAYMENT"]],
    ["AWAITING_PAYMENT", ["PAID", "SHIPPING"]],
    ["PAID", ["SHIPPING"]],
  ])("stops %s at its next move %j", (from, states) => {
    expect(planMove(at(from, { cancelRequested: true, cancelDetail: "too late" }), to(states))).toEqual([
      { state: "CANCELLING", endsAs: "CANCELLED", outcomeReason: "CANCELLED_BY_CUSTOMER", outcomeDetail: "too late" },
    ]);
  });

  test("tells the cancel of the shop from the customer's, also where the workflow asks for the customer's", () => {
    const cancelled = { cancelRequested: true, cancelReason: "CANCELLED_BY_SHOP", cancelDetail: "broken" } as const;
    const bySaga = to(["CANCELLING"], { endsAs: "CANCELLED", outcomeReason: "CANCELLED_BY_CUSTOMER" });
    const expected = {
      state: "CANCELLING",
      endsAs: "CANCELLED",
      outcomeReason: "CANCELLED_BY_SHOP",
      outcomeDetail: "broken",
    };

    expect(planMove(at("RESERVED", cancelled), to(["PAID"]))).toEqual([expected]);
    expect(planMove(at("AWAITING_PAYMENT", cancelled), bySaga)).toEqual([expected]);
  });

  test("leaves a sold out order REJECTED", () => {
    expect(way(at("PENDING", { cancelRequested: true }), to(["REJECTED"]))).toEqual(["REJECTED"]);
  });

  test("does not change the end of an order that is being undone for another reason", () => {
    expect(way(at("CANCELLING", { endsAs: "EXPIRED", cancelRequested: true }), to(["CANCELLED"]))).toEqual(["EXPIRED"]);
  });
});
