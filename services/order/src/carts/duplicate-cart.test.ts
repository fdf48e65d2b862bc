import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  contents,
  failureOf,
  json,
  quote,
  requireCart,
  startTestCarts,
  type TestCarts,
} from "../testing/test-carts.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const oneTea = { productId: "tea", quantity: 1 };
const twoMugs = { productId: "mug", quantity: 2 };

test.each(["OPEN", "CHECKING_OUT", "PURCHASED", "DELETED", "EXPIRED"] as const)(
  "a cart that is %s can be duplicated, and stays as it is",
  async (state) => {
    const { id, customerId } = await stack.newCart(oneTea, twoMugs);
    await stack.bringTo(state, id);
    const { cart: before } = await stack.carts.getCart({ id });
    const { cart, leftOut } = await stack.carts.duplicateCart({ id, customerId, newId: `${id}-2`, name: "Again" });
    expect(cart).toMatchObject({ id: `${id}-2`, customerId, name: "Again", state: Cart_State.OPEN, orderId: "" });
    expect(contents(cart)).toEqual({ tea: 1, mug: 2 });
    expect(leftOut).toEqual([]);
    expect((await stack.carts.getCart({ id })).cart).toEqual(before);
  },
);

test("a cart that was merged can be duplicated", async () => {
  const { id, customerId } = await stack.newCart(oneTea);
  const { cart: target } = await stack.carts.createCart({ customerId });
  await stack.carts.mergeCarts({ customerId, sourceId: id, targetId: requireCart(target).id });
  expect(contents((await stack.carts.duplicateCart({ id, customerId })).cart)).toEqual({ tea: 1 });
});

test("the duplicate keeps the name unless another is given, which may be empty", async () => {
  const { cart } = await stack.carts.createCart({ customerId: randomUUID(), name: "Weekly" });
  const { id, customerId } = requireCart(cart);
  expect((await stack.carts.duplicateCart({ id, customerId })).cart?.name).toBe("Weekly");
  expect((await stack.carts.duplicateCart({ id, customerId, name: "" })).cart?.name).toBe("");
});

test("the duplicate has current prices and titles, and lists the products left out that are no longer sold", async () => {
  const [dearer, gone] = [randomUUID(), randomUUID()];
  stack.products.set(dearer, quote({ productId: dearer, priceMinor: 100n }));
  stack.products.set(gone, quote({ productId: gone, title: "Gone", sku: "GONE-1" }));
  const { id, customerId } = await stack.newCart({ productId: gone, quantity: 7 }, { productId: dearer, quantity: 2 });
  stack.products.set(dearer, quote({ productId: dearer, title: "New title", priceMinor: 150n }));
  stack.products.delete(gone);
  const { cart, leftOut } = await stack.carts.duplicateCart({ id, customerId });
  expect(json(cart)).toMatchObject({
    lines: [{ productId: dearer, title: "New title", quantity: 2, unitPrice: { minorUnits: "150" } }],
    total: { currencyCode: "EUR", minorUnits: "300" },
  });
  expect(leftOut.map(({ $typeName, ...rest }) => rest)).toEqual([
    { productId: gone, sku: "GONE-1", title: "Gone", quantity: 7 },
  ]);
});

test("the duplicate of a cart with no product still sold is empty", async () => {
  const productId = randomUUID();
  stack.products.set(productId, quote({ productId }));
  const { id, customerId } = await stack.newCart({ productId, quantity: 1 });
  stack.products.delete(productId);
  const { cart, leftOut } = await stack.carts.duplicateCart({ id, customerId });
  expect([contents(cart), leftOut.length]).toEqual([{}, 1]);
});

test("duplicating twice with one request id makes one cart, with the same answer although the catalogue has changed", async () => {
  const productId = randomUUID();
  stack.products.set(productId, quote({ productId }));
  const { id, customerId } = await stack.newCart({ productId, quantity: 1 }, oneTea);
  stack.products.delete(productId);
  const request = { id, customerId, requestId: "again" };
  const [first, second] = await Promise.all([
    stack.carts.duplicateCart(request),
    stack.elsewhere.duplicateCart(request),
  ]);
  stack.products.set(productId, quote({ productId }));
  expect(await stack.carts.duplicateCart(request)).toEqual(first);
  expect(second).toEqual(first);
  expect(first?.leftOut).toMatchObject([{ productId }]);
  expect((await stack.carts.listCarts({ customerId })).carts).toHaveLength(2);
  expect(await failureOf(stack.carts.duplicateCart({ ...request, name: "Other" }))).toMatchObject({
    reason: "REQUEST_ID_REUSED",
  });
});

test("another customer's cart and a guest's are not found, and a taken id is refused", async () => {
  const { id } = await stack.newCart(oneTea);
  const mine = await stack.newCart(oneTea);
  const { cart: guests } = await stack.guests.createGuestCart({});
  for (const theirs of [id, requireCart(guests).id, "unheard-of"]) {
    expect(await failureOf(stack.carts.duplicateCart({ id: theirs, customerId: mine.customerId }))).toEqual({
      code: Code.NotFound,
      reason: "CART_NOT_FOUND",
      metadata: { cart_id: theirs },
    });
  }
  const { customerId } = mine;
  expect(await failureOf(stack.carts.duplicateCart({ id: mine.id, customerId, newId: id }))).toMatchObject({
    reason: "CART_EXISTS",
  });
});
