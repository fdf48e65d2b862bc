import { Order_State } from "@sagacart/proto/order/v1/order";
import { Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { expect, test } from "vitest";
import { actorText, nameOf, namesOf, spanOfMs, words } from "./show.ts";

test.each([
  [0, "0 ms"],
  [12.4, "12 ms"],
  [999.4, "999 ms"],
  [1_400, "1.4 s"],
  [60_000, "1 min"],
  [125_000, "2 min 5 s"],
  [3_600_000, "1 h"],
  [7_500_000, "2 h 5 min"],
  [86_400_000, "1 d"],
  [180_000_000, "2 d 2 h"],
])("%d ms are %s", (ms, text) => {
  expect(spanOfMs(ms)).toBe(text);
});

test("the states of an order have names and words, and an unknown one its number", () => {
  expect(nameOf(Order_State, Order_State.AWAITING_PAYMENT)).toBe("AWAITING_PAYMENT");
  expect(words(Order_State, Order_State.AWAITING_PAYMENT)).toBe("Awaiting payment");
  expect(nameOf(Order_State, Order_State.UNSPECIFIED)).toBe("");
  expect(nameOf(Order_State, 99)).toBe("99");
  expect(namesOf(Order_State)).toContain("COMPLETED");
  expect(namesOf(Order_State)).not.toContain("UNSPECIFIED");
});

test.each([
  [Actor_Kind.CUSTOMER, "ada", "customer ada"],
  [Actor_Kind.OPERATOR, "olga", "staff olga"],
  [Actor_Kind.SYSTEM, "service:worker", "program service:worker"],
  [Actor_Kind.UNSPECIFIED, "x", ""],
])("an actor of kind %d named %s is %j", (kind, id, text) => {
  expect(actorText({ $typeName: "sagacart.type.v1.Actor", kind, id })).toBe(text);
});
