import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressTo, startTestShipping, type TestShipping } from "./testing/stack.ts";

let stack: TestShipping;
beforeAll(async () => {
  stack = await startTestShipping();
});
afterAll(() => stack[Symbol.asyncDispose]());

const texts = [
  "",
  ".",
  "..",
  "\0",
  "a\0b",
  "'; drop table shipments; --",
  "\r\nBcc: x",
  "\u202e\u{1F4A9}",
  "%00",
  "../../etc/passwd",
  "x".repeat(300),
  "ß".repeat(63),
];
const expected = [Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition, Code.Unauthenticated];

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return await call.then(
    () => "ok" as const,
    (error) => errorInfo(error).code,
  );
}

test.each(texts)("%j in any field is accepted or refused, never an internal error", async (text) => {
  const { shipping } = stack;
  const fields = ["recipient", "line1", "line2", "city", "region", "postalCode", "countryCode", "phone"] as const;
  const calls = [
    shipping.createShipment({ orderId: text, customerId: "c" }),
    shipping.createShipment({ orderId: "o-1", customerId: text }),
    ...fields.map((field, index) => {
      const address = create(AddressSchema, { ...addressTo("10115"), [field]: text });
      const item = { orderId: `o-${texts.indexOf(text)}-${index}`, customerId: "c", address };
      return shipping.batchCreateShipments({ items: [item] });
    }),
    shipping.cancelShipment({ orderId: text }),
    shipping.getShipment({ orderId: text }),
    shipping.getShipment({ orderId: "o-1", customerId: text }),
    shipping.listShipments({ customerId: text }),
    shipping.listShipments({ pageToken: text }),
    shipping.listShipments({ pageToken: Buffer.from(JSON.stringify(["shipments of ", text])).toString("base64url") }),
    shipping.receiveWebhook({ provider: text, body: Buffer.from(text), signature: text }),
    shipping.receiveWebhook({ provider: "carrier", body: Buffer.from(text), signature: text }),
  ];
  for (const code of await Promise.all(calls.map(codeOf))) {
    expect(["ok", ...expected]).toContain(code);
  }
});

test("a NUL byte in an address is refused, and the field is named", async () => {
  const address = create(AddressSchema, { ...addressTo("10115"), line2: "Flat\0 3" });
  const call = stack.shipping.createShipment({ orderId: "nul", customerId: "c", address });
  expect(errorInfo(await call.catch((error) => error))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: "address.line2" }],
  });
});

test.each([-1, 1_000_001, 2 ** 31 - 1])("a page of %d is refused", async (pageSize) => {
  expect(await codeOf(stack.shipping.listShipments({ pageSize }))).toBe(Code.InvalidArgument);
});

test.each([
  ["no order", []],
  [
    "an order twice",
    [
      { orderId: "o", customerId: "c" },
      { orderId: "o", customerId: "c" },
    ],
  ],
  ["1,001 orders", Array.from({ length: 1001 }, (_, index) => ({ orderId: `o-${index}`, customerId: "c" }))],
])("a batch with %s is refused", async (_, items) => {
  expect(await codeOf(stack.shipping.batchCreateShipments({ items }))).toBe(Code.InvalidArgument);
});
