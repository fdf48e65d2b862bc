import { expect, test } from "vitest";
import { readCardWebhook } from "./card-webhook.ts";

const parse = (event: unknown) => readCardWebhook(Buffer.from(JSON.stringify(event)));

test("a captured and a declined charge are read", () => {
  expect(parse({ id: "e", type: "charge.captured", data: { key: "k", chargeId: "ch_1" }, more: true })).toEqual({
    id: "e",
    key: "k",
    answer: { kind: "captured", chargeId: "ch_1" },
  });
  expect(parse({ id: "e", type: "charge.declined", data: { key: "k", reason: "no_funds" } })).toEqual({
    id: "e",
    key: "k",
    answer: { kind: "declined", reason: "no_funds" },
  });
});

test("an event of an unknown type has the right shape and no answer", () => {
  expect(parse({ id: "e", type: "refund.made", data: { key: "k" } })).toEqual({ id: "e", key: "k", answer: undefined });
});

test.each([
  ["captured without a charge", { id: "e", type: "charge.captured", data: { key: "k" } }],
  ["declined without a reason", { id: "e", type: "charge.declined", data: { key: "k" } }],
  ["declined for a sentence", { id: "e", type: "charge.declined", data: { key: "k", reason: "No funds!" } }],
  ["without a key", { id: "e", type: "charge.captured", data: { chargeId: "ch_1" } }],
  ["a list", [{ id: "e" }]],
  ["a number", 5],
])("%s does not have the right shape", (_, event) => {
  expect(parse(event)).toBeUndefined();
});
