import { Order_State } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import { createTally, decodeOutcomes, type End, encodeOutcomes, sortByOutcome } from "./codes.ts";
import { type OrderState, type Outcome, plan, plannedStep, type StepName, undoing } from "./plan.ts";

const mainSteps: StepName[] = ["reserve", "charge", "ship"];
const final = ["COMPLETED", "REJECTED", "CANCELLED", "EXPIRED"];

test("nobody is charged for what is not there, and nothing is shipped that is not paid", () => {
  expect(plan.map(({ name }) => name).filter((name) => mainSteps.includes(name))).toEqual(mainSteps);
});

test.each(plan.map((step) => [step.name, step] as const))(
  "%s is not needed by an order that is final or being undone",
  (_, { from }) => {
    expect(from.filter((state) => final.includes(state) || state === "CANCELLING")).toEqual([]);
  },
);

test.each(plan.map((step) => [step.name, step] as const))(
  "after %s, an order that is being undone is undone, and one that is final is gone",
  (_, { after }) => {
    expect(after.CANCELLING).toBe("undo");
    expect(Object.keys(after).filter((state) => final.includes(state))).toEqual([]);
  },
);

test("every state that is neither final nor a wait for the customer needs a step or the undo", () => {
  const needed = new Set<string>([...plan.flatMap(({ from }) => from), ...undoing.from]);
  const states = Object.keys(Order_State).filter((name) => name !== "UNSPECIFIED" && !final.includes(name));
  expect(states.filter((state) => !needed.has(state))).toEqual(["AWAITING_PAYMENT"]);
});

test.each<[OrderState, string[]]>([
  ["PENDING", ["reserve", "charge"]],
  ["RESERVED", ["charge"]],
  ["AWAITING_PAYMENT", []],
  ["PAID", ["ship"]],
  ["SHIPPING", ["ship"]],
])("an order that is %s needs the steps %j", (state, steps) => {
  const needed = plan.filter(({ from }) => from.includes(state)).map(({ name }) => name);
  expect(needed).toEqual(expect.arrayContaining(steps));
  expect(mainSteps.filter((name) => !steps.includes(name) && needed.includes(name))).toEqual([]);
});

test("a step that the saga does not have is a bug", () => {
  expect(() => plannedStep("fly" as never)).toThrow("the saga has no step fly");
});

test("outcomes survive the letters of the history", () => {
  const outcomes: Outcome[] = ["next", "waits", "undo", "gone"];
  expect(encodeOutcomes(outcomes)).toBe("nwug");
  expect(decodeOutcomes("nwug")).toEqual(outcomes);
  expect(() => decodeOutcomes("nz")).toThrow('"z" in "nz" is not the code of an outcome');
});

test("how an order ended that is gone survives, too", () => {
  const ends: End[] = ["completed", "sold out", "declined", "cancelled", "expired", "skipped"];
  const gone = ends.map((): Outcome => "gone");
  const codes = encodeOutcomes(gone, (index) => ends[index] ?? "skipped");
  expect(codes).toBe("gsdcex");
  expect(decodeOutcomes(codes)).toEqual(gone);
});

test.each<[number, string[], number, string]>([
  [3, ["ggd"], 0, "3 orders, 2 completed, 1 declined"],
  [1, ["g"], 0, "1 order, 1 completed"],
  // An order whose undo comes later is counted when that has ended it.
  [2, ["gu", "d"], 0, "2 orders, 1 completed, 1 declined"],
  [4, ["gw"], 1, "4 orders, 1 completed, 1 handed over, 2 under way"],
  [2, ["nn", "gg"], 0, "2 orders, 2 completed"],
  [2, [], 0, "2 orders, 2 under way"],
  [0, [], 0, "0 orders"],
])("%i orders with the answers %j and %i handed over: %s", (total, answers, handedOver, expected) => {
  const tally = createTally(total);
  for (const codes of answers) {
    tally.add(codes);
  }
  tally.handedOver(handedOver);
  expect(tally.toString()).toBe(expected);
});

test("orders are sorted by outcome, in their order", () => {
  expect(sortByOutcome(["a", "b", "c", "d", "e"], "nwnug")).toEqual({
    next: ["a", "c"],
    waits: ["b"],
    undo: ["d"],
    gone: ["e"],
  });
  expect(() => sortByOutcome(["a", "b"], "n")).toThrow("a step answered 1 outcomes for 2 orders");
});
