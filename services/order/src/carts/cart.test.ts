import { errorInfo } from "@sagacart/chassis/errors";
import { expect, test } from "vitest";
import { quote } from "../testing/test-carts.ts";
import { addLine, type Cart, priceLines, removeLine, replaceLines, totalOf } from "./cart.ts";
import type { Quote } from "./quote.ts";

const quotes = new Map<string, Quote>(
  [
    quote({ productId: "tea", priceMinor: 450n }),
    quote({ productId: "mug", priceMinor: 1_299n }),
    quote({ productId: "rice", currency: "JPY", priceMinor: 900n }),
    quote({ productId: "gold", priceMinor: 10n ** 9n }),
    quote({ productId: "free", priceMinor: 0n }),
    ...Array.from({ length: 101 }, (_, index) => quote({ productId: `p${index}` })),
  ].map((known) => [known.productId, known]),
);

const empty: Cart = {
  id: "cart",
  customerId: "ann",
  guestTokenHash: undefined,
  name: "",
  state: "OPEN",
  isDefault: true,
  version: 1n,
  orderId: undefined,
  lastFailureReason: "",
  mergedInto: undefined,
  lines: [],
  createTime: new Date(0),
  updateTime: new Date(0),
};

function cartOf(...inputs: [productId: string, quantity: number][]): Cart {
  return replaceLines(
    empty,
    inputs.map(([productId, quantity]) => ({ productId, quantity })),
    quotes,
  );
}

function contentsOf({ lines }: Cart): [string, number][] {
  return lines.map(({ productId, quantity }) => [productId, quantity]);
}

function failure(fn: () => unknown) {
  try {
    fn();
  } catch (error) {
    const { reason, metadata } = errorInfo(error);
    return { reason, metadata };
  }
  return undefined;
}

test("adding a product that is in the cart raises its quantity in place", () => {
  const cart = addLine(cartOf(["tea", 1], ["mug", 1]), { productId: "tea", quantity: 2 }, quotes);
  expect(contentsOf(cart)).toEqual([
    ["tea", 3],
    ["mug", 1],
  ]);
});

test("a new product comes last", () => {
  expect(contentsOf(addLine(cartOf(["tea", 1]), { productId: "mug", quantity: 2 }, quotes))).toEqual([
    ["tea", 1],
    ["mug", 2],
  ]);
});

test("a line that is added to gets the current price and title, the others keep theirs", () => {
  const dearer = new Map(quotes)
    .set("tea", quote({ productId: "tea", title: "Tea, new", priceMinor: 500n }))
    .set("mug", quote({ productId: "mug", priceMinor: 9_999n }));
  const cart = addLine(cartOf(["tea", 1], ["mug", 1]), { productId: "tea", quantity: 1 }, dearer);
  expect(cart.lines).toEqual([
    { productId: "tea", quantity: 2, sku: "SKU-tea", title: "Tea, new", currency: "EUR", unitPriceMinor: 500n },
    { productId: "mug", quantity: 1, sku: "SKU-mug", title: "mug", currency: "EUR", unitPriceMinor: 1_299n },
  ]);
});

test("a product whose currency changed can be added if it is the only one", () => {
  const inDollars = new Map(quotes).set("tea", quote({ productId: "tea", currency: "USD" }));
  expect(addLine(cartOf(["tea", 1]), { productId: "tea", quantity: 1 }, inDollars).lines).toMatchObject([
    { currency: "USD", quantity: 2 },
  ]);
});

test("replacing keeps the requested order and drops lines with zero or less", () => {
  expect(contentsOf(cartOf(["mug", 2], ["tea", 0], ["gold", 1], ["free", -3]))).toEqual([
    ["mug", 2],
    ["gold", 1],
  ]);
});

test("a dropped product need not exist", () => {
  expect(priceLines([{ productId: "unheard-of", quantity: 0 }], quotes)).toEqual([]);
});

test("removing a product that is not in the cart changes nothing", () => {
  const cart = cartOf(["tea", 1]);
  expect(removeLine(cart, "mug")).toBe(cart);
  expect(contentsOf(removeLine(cart, "tea"))).toEqual([]);
});

test("the total is exact, and an empty cart has none", () => {
  expect(totalOf(cartOf(["tea", 3], ["mug", 2], ["free", 5]).lines)).toEqual({
    currencyCode: "EUR",
    minorUnits: 3_948n,
  });
  expect(totalOf([])).toBeUndefined();
});

const hundred = Array.from({ length: 100 }, (_, index): [string, number] => [`p${index}`, 1]);

test("a cart may be exactly at its limits", () => {
  expect(cartOf(...hundred).lines).toHaveLength(100);
  expect(totalOf(cartOf(["gold", 1_000_000]).lines)?.minorUnits).toBe(10n ** 15n);
});

test.each<[string, () => unknown, object]>([
  [
    "a hundred and first line",
    () => addLine(cartOf(...hundred), { productId: "p100", quantity: 1 }, quotes),
    { reason: "CART_LIMIT", metadata: { limit: "lines", max: "100" } },
  ],
  [
    "more than a million of a product",
    () => addLine(cartOf(["tea", 1_000_000]), { productId: "tea", quantity: 1 }, quotes),
    { reason: "CART_LIMIT", metadata: { limit: "quantity", max: "1000000", product_id: "tea" } },
  ],
  [
    "a total above 10^15",
    () => addLine(cartOf(["gold", 1_000_000]), { productId: "tea", quantity: 1 }, quotes),
    { reason: "CART_LIMIT", metadata: { limit: "total_minor", max: "1000000000000000" } },
  ],
  [
    "a second currency",
    () => addLine(cartOf(["tea", 1]), { productId: "rice", quantity: 1 }, quotes),
    { reason: "CURRENCY_MISMATCH", metadata: { product_id: "rice", first: "EUR", second: "JPY" } },
  ],
  [
    "a product that does not exist",
    () => cartOf(["tea", 1], ["unheard-of", 1]),
    { reason: "PRODUCT_NOT_FOUND", metadata: { product_id: "unheard-of" } },
  ],
])("%s is refused", (_, change, expected) => {
  expect(failure(change)).toEqual(expected);
});
