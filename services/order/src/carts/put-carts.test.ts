import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contents, failureOf, json, requireCart, startTestCarts, type TestCarts } from "../testing/test-carts.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const oneTea = { productId: "tea", quantity: 1 };

async function get(id: string) {
  return requireCart((await stack.carts.getCart({ id })).cart);
}

test("carts are created with their lines, and none becomes a default", async () => {
  const customerId = randomUUID();
  const [first, second] = [randomUUID(), randomUUID()];
  const { count } = await stack.carts.batchPutCarts({
    items: [
      { id: first, customerId, lines: [{ productId: "mug", quantity: 2 }, oneTea] },
      { id: second, customerId },
    ],
  });
  expect(count).toBe(2);
  expect(json(await get(first))).toEqual({
    id: first,
    customerId,
    state: "STATE_OPEN",
    lines: [
      {
        productId: "mug",
        sku: "SKU-mug",
        title: "Mug",
        quantity: 2,
        unitPrice: { currencyCode: "EUR", minorUnits: "1299" },
      },
      {
        productId: "tea",
        sku: "SKU-tea",
        title: "Tea",
        quantity: 1,
        unitPrice: { currencyCode: "EUR", minorUnits: "450" },
      },
    ],
    total: { currencyCode: "EUR", minorUnits: "3048" },
    etag: "1",
  });
  expect(json(await get(second))).toEqual({ id: second, customerId, state: "STATE_OPEN", etag: "1" });
});

test("an open cart is overwritten and stays its customer's default", async () => {
  const { id, customerId } = await stack.newCart({ productId: "mug", quantity: 9 });
  await stack.carts.batchPutCarts({ items: [{ id, customerId, lines: [oneTea] }] });
  const cart = await get(id);
  expect(contents(cart)).toEqual({ tea: 1 });
  expect(cart).toMatchObject({ isDefault: true, etag: "2" });
});

test("a cart that is overwritten for another customer is not that customer's default", async () => {
  const { id, customerId } = await stack.newCart();
  const other = await stack.newCart();
  await stack.carts.batchPutCarts({ items: [{ id, customerId: other.customerId }] });
  expect(await get(id)).toMatchObject({ customerId: other.customerId, isDefault: false });
  expect((await stack.carts.getDefaultCart({ customerId: other.customerId })).cart).toEqual(other);
  expect((await stack.carts.getDefaultCart({ customerId })).cart?.id).not.toBe(id);
});

test.each(["PURCHASED", "DELETED"] as const)("a %s cart is replaced by a new one with its id", async (state) => {
  const before = await stack.newCart({ productId: "mug", quantity: 9 });
  const { id, customerId } = before;
  await stack.bringTo(state, id);
  await stack.carts.batchPutCarts({ items: [{ id, customerId, lines: [oneTea] }] });
  const cart = await get(id);
  expect(cart).toMatchObject({ state: Cart_State.OPEN, orderId: "", lastFailureReason: "", etag: "3" });
  expect(contents(cart)).toEqual({ tea: 1 });
  expect(cart.createTime).toEqual(cart.updateTime);
});

test("if one cart is being checked out, none is written", async () => {
  const busy = await stack.newCart(oneTea);
  const open = await stack.newCart(oneTea);
  await stack.bringTo("CHECKING_OUT", busy.id);
  const put = stack.carts.batchPutCarts({
    items: [
      { id: open.id, customerId: open.customerId },
      { id: busy.id, customerId: busy.customerId },
      { id: "never-made", customerId: "somebody" },
    ],
  });
  expect(await failureOf(put)).toEqual({
    code: Code.Aborted,
    reason: "CART_CHECKING_OUT",
    metadata: { cart_id: busy.id, order_id: "" },
  });
  expect(await get(open.id)).toEqual(open);
  expect(await failureOf(stack.carts.getCart({ id: "never-made" }))).toMatchObject({ reason: "CART_NOT_FOUND" });
});

test("a repeat ends in the same state", async () => {
  const items = Array.from({ length: 500 }, (_, index) => ({
    id: `repeat-${index}`,
    customerId: `customer-${index % 7}`,
    lines: [oneTea, { productId: "mug", quantity: 1 + (index % 3) }],
  }));
  await stack.carts.batchPutCarts({ items });
  const first = await get("repeat-17");
  await stack.carts.batchPutCarts({ items });
  const second = await get("repeat-17");
  expect(json(second)).toEqual({ ...json(first), etag: "2" });
  const { rows } = await stack.pool.query(
    `select count(*)::int as lines, sum(quantity)::int as pieces from cart_lines where cart_id like 'repeat-%'`,
  );
  expect(rows).toEqual([{ lines: 1_000, pieces: 500 + 167 + 2 * 167 + 3 * 166 }]);
});

test("a cart that is named twice is refused", async () => {
  const items = [
    { id: "twice", customerId: "a" },
    { id: "once", customerId: "b" },
    { id: "twice", customerId: "c" },
  ];
  expect(await failureOf(stack.carts.batchPutCarts({ items }))).toEqual({
    code: Code.InvalidArgument,
    reason: "CART_NAMED_TWICE",
    metadata: { cart_id: "twice" },
  });
});

test("five thousand carts are written in one call", async () => {
  const items = Array.from({ length: 5_000 }, (_, index) => ({
    id: `many-${index}`,
    customerId: `customer-${index % 100}`,
    lines: [oneTea, { productId: "mug", quantity: 1 }],
  }));
  expect((await stack.carts.batchPutCarts({ items })).count).toBe(5_000);
  expect(contents(await get("many-4999"))).toEqual({ tea: 1, mug: 1 });
});
