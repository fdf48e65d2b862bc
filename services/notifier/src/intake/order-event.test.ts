import { expect, test } from "vitest";
import { readOrderEvent, writeFacts } from "./order-event.ts";

const type = "sagacart.order.rejected.v1";
const read = (data: unknown) => readOrderEvent({ type, subject: "order-1", data: JSON.stringify(data) });

const noCart = { cartId: "", cartName: "", hasCart: false, disputeId: "", source: "" };

test("an event with all fields is read completely", () => {
  const facts = {
    orderId: "order-1",
    customerId: "customer-1",
    total: { currencyCode: "EUR", minorUnits: "8993" },
    lines: [{ productId: "p1", title: "A book", quantity: 3, unitPrice: { currencyCode: "EUR", minorUnits: "2997" } }],
    reason: "OUT_OF_STOCK",
    detail: "1 left",
    shortages: [{ productId: "p1", requested: 3, available: 1 }],
    expireTime: "2026-03-01T12:00:00.000Z",
    trackingNumber: "SC0000000001",
    contactEmail: "ada@example.com",
  };
  expect(read(facts)).toEqual({
    ...facts,
    total: { currencyCode: "EUR", minorUnits: 8993n },
    lines: [{ productId: "p1", title: "A book", quantity: 3, unitPrice: { currencyCode: "EUR", minorUnits: 2997n } }],
    expireTime: new Date("2026-03-01T12:00:00Z"),
    ...noCart,
    payBack: undefined,
  });
});

test.each([
  ["nothing was taken", {}, { paidBack: undefined, settledOtherwise: undefined }],
  [
    "zero was paid back",
    { paidBack: { currencyCode: "EUR", minorUnits: "0" } },
    { paidBack: undefined, settledOtherwise: undefined },
  ],
  [
    "some was paid back and the rest settled",
    {
      paidBack: { currencyCode: "EUR", minorUnits: "40" },
      settledOtherwise: { currencyCode: "EUR", minorUnits: "60" },
    },
    {
      paidBack: { currencyCode: "EUR", minorUnits: 40n },
      settledOtherwise: { currencyCode: "EUR", minorUnits: 60n },
    },
  ],
  ["an amount cannot be read", { paidBack: "40" }, undefined],
  ["another amount cannot be read", { settledOtherwise: { currencyCode: "euro" } }, undefined],
  ["it is no object", [], undefined],
])("what the customer got back is read: %s", (_, payBack, expected) => {
  const facts = read({ customerId: "c", payBack });
  expect(facts.payBack).toEqual(expected);
  expect(readOrderEvent({ type, subject: "order-1", data: writeFacts(facts) })).toEqual(facts);
});

test("stored facts are read back unchanged", () => {
  const facts = read({
    customerId: "c",
    name: "Birthday",
    total: { currencyCode: "EUR", minorUnits: "9007199254740993" },
    lines: [{ productId: "p1", title: "A \ud83d\ude00 “book”", quantity: 1 }],
    shortages: [{ productId: "p1", requested: 1 }],
    expireTime: "2026-03-01T12:00:00Z",
  });
  expect(readOrderEvent({ type, subject: "order-1", data: writeFacts(facts) })).toEqual(facts);
});

test.each([
  ["has a cart", { cartId: "cart-1" }, true],
  ["has none", {}, false],
  ["has an empty id for a cart", { cartId: "" }, false],
])("an order that %s is known to, also when its facts are read back", (_, data, hasCart) => {
  const facts = read({ customerId: "c", ...data });
  expect(facts).toMatchObject({ cartId: "", hasCart });
  expect(readOrderEvent({ type, subject: "order-1", data: writeFacts(facts) })).toEqual(facts);
});

test("a long text is cut before an emoji, not in it", () => {
  const facts = read({ customerId: "c", reason: `${"x".repeat(299)}\u{1f600}!`, detail: "\u{1f600}".repeat(301) });
  expect(facts.reason).toBe(`${"x".repeat(299)}\u{1f600}`);
  expect(facts.detail).toBe("\u{1f600}".repeat(300));
});

test("an event of a cart has a cart id and no order id", () => {
  const data = JSON.stringify({ cartId: "cart-1", customerId: "c", name: "Birthday", lines: [] });
  expect(readOrderEvent({ type: "sagacart.cart.expiring.v1", subject: "cart-1", data })).toMatchObject({
    orderId: "",
    cartId: "cart-1",
    cartName: "Birthday",
  });
});

const nothing = {
  ...noCart,
  total: undefined,
  lines: [],
  reason: "",
  detail: "",
  shortages: [],
  trackingNumber: "",
  payBack: undefined,
  expireTime: undefined,
  contactEmail: "",
};

test("missing or malformed optional fields are left out", () => {
  const bare = { orderId: "order-1", customerId: "customer-1", ...nothing };
  expect(read({ customerId: "customer-1" })).toEqual(bare);
  expect(
    read({
      customerId: "customer-1",
      total: { currencyCode: "euro", minorUnits: "1" },
      lines: [null, 7, { title: "A book" }, { quantity: 2 }, { title: "Half", quantity: 0.5 }],
      reason: 7,
      trackingNumber: {},
      contactEmail: null,
    }),
  ).toEqual(bare);
});

test("a number that protobuf's JSON omits is zero", () => {
  expect(read({ customerId: "c", total: { currencyCode: "EUR" } }).total).toEqual({
    currencyCode: "EUR",
    minorUnits: 0n,
  });
});

test("control characters and line ends are removed", () => {
  const facts = read({
    customerId: "c",
    reason: "sold out\r\nBcc: everybody@example.com",
    lines: [{ title: "A\0 book\u2028", quantity: 1 }],
  });
  expect(facts.reason).toBe("sold out Bcc: everybody@example.com");
  expect(facts.lines[0]?.title).toBe("A  book");
});

test.each([
  ["no JSON", "{"],
  ["null", "null"],
  ["a list", "[]"],
  ["no customer", "{}"],
  ["a customer with a line end", '{"customerId": "c\\r\\nBcc: x"}'],
  ["an order with a line end", '{"customerId": "c", "orderId": "o\\n"}'],
  ["an order that is a number", '{"customerId": "c", "orderId": 7}'],
])("data with %s cannot be read", (_, data) => {
  expect(() => readOrderEvent({ type, subject: "order-1", data })).toThrow(/^(the data|customerId|orderId) is not/);
});
