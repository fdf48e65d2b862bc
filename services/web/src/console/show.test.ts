import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { expect, test } from "vitest";
import { germanWord } from "./enum-words.ts";
import { nameOf, namesOf, showIn } from "./show.ts";

// The space before a currency is one that does not break.
const plain = (text: string) => text.replaceAll(/\s/g, " ");

test.each([
  [0, "0 ms", "0 ms"],
  [12.4, "12 ms", "12 ms"],
  [999.4, "999 ms", "999 ms"],
  [1_400, "1.4 s", "1,4 s"],
  [60_000, "1 min", "1 min"],
  [125_000, "2 min 5 s", "2 min 5 s"],
  [3_600_000, "1 h", "1 h"],
  [7_500_000, "2 h 5 min", "2 h 5 min"],
  [86_400_000, "1 d", "1 d"],
  [180_000_000, "2 d 2 h", "2 d 2 h"],
])("%d ms are %s, in German %s", (ms, en, de) => {
  expect(showIn("en").spanOfMs(ms)).toBe(en);
  expect(showIn("de").spanOfMs(ms)).toBe(de);
});

test.each([
  ["en", ["$1,234.50", "1,234,567", "2.5", "1 order, 0 orders, 2,000 orders", "3.0 s ago", "–"]],
  ["de", ["1.234,50 $", "1.234.567", "2,5", "1 order, 0 orders, 2.000 orders", "vor 3,0 s", "–"]],
] as const)("amounts, numbers and spans are shown as in %s", (language, expected) => {
  const { money, count, tenth, counted, ago } = showIn(language);
  const orders = { one: "# order", other: "# orders" };
  expect([
    plain(money({ currencyCode: "USD", minorUnits: 123_450n })),
    count(1_234_567),
    tenth(2.46),
    [1, 0n, 2_000].map((number) => counted(orders, number)).join(", "),
    ago(timestampFromMs(2_000), 5_000),
    money(undefined),
  ]).toEqual(expected);
});

test("times are shown as in each language", () => {
  const at = timestampFromMs(Date.parse("2026-03-09T12:34:56.789Z"));
  expect(showIn("en").preciseTime(at)).toMatch(/Mar.*56\.789/);
  expect(showIn("de").preciseTime(at)).toMatch(/März.*56,789/);
});

test("the states of an order have names and words, and an unknown one its number", () => {
  expect(nameOf(Order_State, Order_State.AWAITING_PAYMENT)).toBe("AWAITING_PAYMENT");
  expect(showIn("en").words(Order_State, Order_State.AWAITING_PAYMENT)).toBe("Awaiting payment");
  expect(showIn("de").words(Order_State, Order_State.AWAITING_PAYMENT)).toBe("Wartet auf Zahlung");
  expect(showIn("de").words(Payment_State, Payment_State.CAPTURED)).toBe("Eingezogen");
  expect(showIn("de").words(Payment_State, 99)).toBe("99");
  expect(showIn("de").words(Payment_State, Payment_State.UNSPECIFIED)).toBe("–");
  expect(germanWord({ NEW: 1 }, "NEW")).toBeUndefined();
  expect(nameOf(Order_State, Order_State.UNSPECIFIED)).toBe("");
  expect(nameOf(Order_State, 99)).toBe("99");
  expect(namesOf(Order_State)).toContain("COMPLETED");
  expect(namesOf(Order_State)).not.toContain("UNSPECIFIED");
});

test.each([
  [Actor_Kind.CUSTOMER, "ada", "customer ada", "Kunde ada"],
  [Actor_Kind.OPERATOR, "olga", "staff olga", "Personal olga"],
  [Actor_Kind.SYSTEM, "service:worker", "program service:worker", "Programm service:worker"],
  [Actor_Kind.UNSPECIFIED, "x", "", ""],
])("an actor of kind %d named %s is %j, in German %j", (kind, id, en, de) => {
  const actor = { $typeName: "sagacart.type.v1.Actor", kind, id } as const;
  expect(showIn("en").actorText(actor)).toBe(en);
  expect(showIn("de").actorText(actor)).toBe(de);
});

test.each([
  ["settled_by_hand", "settled by hand", "Von Hand ausgeglichen"],
  ["charge", "charge", "Belastung"],
  ["some_new_kind", "some new kind", "some new kind"],
])("a journal entry of the kind %s is %j, in German %j", (kind, en, de) => {
  expect(showIn("en").entryKind(kind)).toBe(en);
  expect(showIn("de").entryKind(kind)).toBe(de);
});
