import { expect, test } from "vitest";
import type { OrderFacts } from "./order-event.ts";
import { writeLetter } from "./templates.ts";

const facts: OrderFacts = {
  orderId: "o-1",
  customerId: "c-1",
  total: { currencyCode: "EUR", minorUnits: 179_997n },
  lines: [
    { title: "Keyboard", quantity: 2, unitPrice: { currencyCode: "EUR", minorUnits: 14_999n } },
    { title: "Laptop", quantity: 1, unitPrice: undefined },
  ],
  reason: "OUT_OF_STOCK",
  trackingNumber: "SC0000000001",
  contactEmail: "",
};

test("a completed order says what goes, for how much, and under which number", () => {
  expect(writeLetter("sagacart.order.completed.v1", facts, "Ada")).toEqual({
    subject: "Your order o-1 is complete",
    text: [
      "Hello Ada,",
      "thank you for your order o-1.",
      "  2 × Keyboard, 299.98 EUR\n  1 × Laptop",
      "Total: 1799.97 EUR",
      "It is on its way. The carrier's number for it is SC0000000001.",
      "Your shop",
    ].join("\n\n"),
  });
});

test.each([
  ["completed", "thank you for your order o-1."],
  ["awaiting_payment", "Please pay 1799.97 EUR soon"],
  ["rejected", "The reason: out of stock."],
  ["cancelled", "your order o-1 is cancelled."],
  ["expired", "was not paid in time"],
  ["refunded", "we have refunded 1799.97 EUR for your order o-1."],
])("an order that is %s has a letter, with all facts and with none", (type, sentence) => {
  const none: OrderFacts = { ...facts, total: undefined, lines: [], reason: "", trackingNumber: "" };
  expect(writeLetter(`sagacart.order.${type}.v1`, facts, "Ada")?.text).toContain(sentence);
  expect(writeLetter(`sagacart.order.${type}.v1`, none, "")?.text).toMatch(/^Hello,\n\n.*o-1.*\n\nYour shop$/s);
});

test("of other events nobody is told", () => {
  expect(writeLetter("sagacart.order.reserved.v1", facts, "Ada")).toBeUndefined();
});
