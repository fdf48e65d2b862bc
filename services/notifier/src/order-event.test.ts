import { expect, test } from "vitest";
import { isEmailAddress, readOrderEvent } from "./order-event.ts";

const read = (data: unknown) => readOrderEvent({ subject: "order-1", data: JSON.stringify(data) });

test("an event with all it can say is read as it is", () => {
  const facts = {
    orderId: "order-1",
    customerId: "customer-1",
    total: { currencyCode: "EUR", minorUnits: "8993" },
    lines: [{ productId: "p1", title: "A book", quantity: 3, unitPrice: { currencyCode: "EUR", minorUnits: "2997" } }],
    reason: "OUT_OF_STOCK",
    trackingNumber: "SC0000000001",
    contactEmail: "ada@example.com",
  };
  expect(read(facts)).toEqual({
    ...facts,
    total: { currencyCode: "EUR", minorUnits: 8993n },
    lines: [{ title: "A book", quantity: 3, unitPrice: { currencyCode: "EUR", minorUnits: 2997n } }],
  });
});

const nothing = { total: undefined, lines: [], reason: "", trackingNumber: "", contactEmail: "" };

test("what is missing or of another kind is left out", () => {
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

test("a zero that protobuf's JSON leaves out is a zero", () => {
  expect(read({ customerId: "c", total: { currencyCode: "EUR" } }).total).toEqual({
    currencyCode: "EUR",
    minorUnits: 0n,
  });
});

test("control characters and line ends do not get through", () => {
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
  ["an address with a second one", '{"customerId": "c", "contactEmail": "a@example.com, b@example.com"}'],
  ["an address with a header", '{"customerId": "c", "contactEmail": "a@example.com\\r\\nBcc: b@example.com"}'],
])("data with %s cannot be understood", (_, data) => {
  expect(() => readOrderEvent({ subject: "order-1", data })).toThrow(
    /^(the data|customerId|orderId|contactEmail) is no/,
  );
});

test.each(["ada@example.com", "a.b+c@mail.example.co.uk", "o'hara@example.com"])("%s is an address", (text) => {
  expect(isEmailAddress(text)).toBe(true);
});

test.each([
  "",
  "ada",
  "@example.com",
  "ada@",
  "a b@example.com",
  "<ada@example.com>",
  "ada@example.com\n",
  `${"a".repeat(65)}@example.com`,
])("%j is no address", (text) => {
  expect(isEmailAddress(text)).toBe(false);
});
