import { expect, test } from "vitest";
import { type JsonFields, matching } from "./json.ts";
import { readWebhook } from "./webhook.ts";

const format = {
  key: /^[a-z]{1,5}$/,
  types: { "thing.done": ({ number }: JsonFields) => matching(number, /^\d+$/) },
};

const read = (event: unknown) => readWebhook(Buffer.from(JSON.stringify(event)), format);

test("an event of a known type has its answer, one of another type has none", () => {
  expect(read({ id: "e", type: "thing.done", data: { key: "k", number: "5" }, more: true })).toEqual({
    id: "e",
    key: "k",
    answer: "5",
  });
  expect(read({ id: "e", type: "constructor", data: { key: "k" } })).toEqual({ id: "e", key: "k", answer: undefined });
});

test.each([
  ["a known type without its fields", { id: "e", type: "thing.done", data: { key: "k" } }],
  ["a key of another shape", { id: "e", type: "thing.done", data: { key: "too-long", number: "5" } }],
  ["no id", { type: "thing.done", data: { key: "k", number: "5" } }],
  ["no data", { id: "e", type: "thing.done", data: [] }],
  ["a list", [{ id: "e" }]],
  ["null", null],
])("%s is not an event", (_, event) => {
  expect(read(event)).toBeUndefined();
});

test.each([
  ["not JSON", Buffer.from("{")],
  [
    "not UTF-8",
    Buffer.concat([
      Buffer.from('{"id":"e","type":"a","data":{"key":"k","x":"'),
      Buffer.from([0xff]),
      Buffer.from('"}}'),
    ]),
  ],
])("a body that is %s is not an event", (_, body) => {
  expect(readWebhook(body, format)).toBeUndefined();
});
