import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contents, failureOf, startTestCarts, type TestCarts, there } from "./cart-testing.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

async function guestCart(...lines: { productId: string; quantity: number }[]) {
  const { cart, guestToken } = await stack.carts.createCart({ guest: true, lines });
  return { id: there(cart).id, guestToken };
}

test("a guest fills a cart, reads it and throws it away, with its token alone", async () => {
  const { id, guestToken } = await guestCart({ productId: "tea", quantity: 1 });
  const mine = { id, guestToken };
  await stack.carts.addCartItem({ ...mine, productId: "mug", quantity: 2 });
  await stack.carts.addCartItem({ ...mine, productId: "mug", requestId: "once" });
  await stack.carts.addCartItem({ ...mine, productId: "mug", requestId: "once" });
  expect(contents((await stack.carts.getCart(mine)).cart)).toEqual({ tea: 1, mug: 3 });
  await stack.carts.removeCartItem({ ...mine, productId: "tea" });
  const { cart } = await stack.carts.replaceCartLines({ ...mine, lines: [{ productId: "tea", quantity: 9 }] });
  expect(contents(cart)).toEqual({ tea: 9 });
  expect(cart).toMatchObject({ customerId: "", isDefault: false });
  await stack.carts.deleteCart(mine);
  expect((await stack.carts.getCart(mine)).cart).toMatchObject({ state: Cart_State.DELETED });
});

test("without its token, or with another one, a guest's cart is as if it were not there", async () => {
  const { id, guestToken } = await guestCart({ productId: "tea", quantity: 1 });
  const other = await guestCart();
  const expected = { code: Code.NotFound, reason: "CART_NOT_FOUND", metadata: { cart_id: id } };
  const wrongs = [
    {},
    { customerId: "somebody" },
    { guestToken: other.guestToken },
    { guestToken: `${guestToken}A` },
    { guestToken: "short", customerId: "somebody" },
  ];
  for (const wrong of wrongs) {
    const asked = { id, ...wrong };
    const calls = [
      () => stack.carts.getCart(asked),
      () => stack.carts.addCartItem({ ...asked, productId: "tea" }),
      () => stack.carts.addCartItem({ ...asked, productId: "tea", requestId: randomUUID() }),
      () => stack.carts.replaceCartLines({ ...asked, lines: [] }),
      () => stack.carts.removeCartItem({ ...asked, productId: "tea" }),
      () => stack.carts.deleteCart(asked),
      () => stack.carts.updateCart({ id, name: "mine now" }),
    ];
    for (const call of calls) {
      expect(await failureOf(call())).toEqual(expected);
    }
  }
  expect(contents((await stack.carts.getCart({ id, guestToken })).cart)).toEqual({ tea: 1 });
});

test("a request id that was used with the token is of no use without it", async () => {
  const { id, guestToken } = await guestCart();
  const request = { id, productId: "tea", requestId: "once" };
  await stack.carts.addCartItem({ ...request, guestToken });
  for (const wrong of [{}, { guestToken: "A".repeat(43) }]) {
    expect(await failureOf(stack.carts.addCartItem({ ...request, ...wrong }))).toMatchObject({
      reason: "CART_NOT_FOUND",
    });
  }
});

test("a guest's token opens no customer's cart", async () => {
  const { guestToken } = await guestCart();
  const { id } = await stack.newCart();
  expect(await failureOf(stack.carts.getCart({ id, guestToken }))).toMatchObject({ reason: "CART_NOT_FOUND" });
});

test("each guest's cart has an id and a token of its own, and of the token only a hash is kept", async () => {
  const [one, other] = [await guestCart(), await guestCart()];
  expect(one.id).not.toBe(other.id);
  expect(one.guestToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(one.guestToken).not.toBe(other.guestToken);
  const { rows } = await stack.pool.query("select c::text as row from carts c where id = $1", [one.id]);
  expect(rows[0].row).not.toContain(one.guestToken);
});

test("a repeat makes another cart: what the first one's token is cannot be told again", async () => {
  const request = { guest: true, requestId: "same" };
  const [first, second] = [await stack.carts.createCart(request), await stack.carts.createCart(request)];
  expect(second.cart?.id).not.toBe(first.cart?.id);
});

test("a cart is a customer's or a guest's, and a guest does not choose the id", async () => {
  for (const wrong of [{}, { guest: true, customerId: "ann" }, { guest: true, id: "mine" }]) {
    expect(await failureOf(stack.carts.createCart(wrong))).toMatchObject({ code: Code.InvalidArgument });
  }
});

test("a guest's cart that is put over becomes the customer's, and its token opens nothing any more", async () => {
  const { id, guestToken } = await guestCart();
  await stack.carts.batchPutCarts({ items: [{ id, customerId: "ann" }] });
  expect((await stack.carts.getCart({ id, customerId: "ann" })).cart).toMatchObject({ state: Cart_State.OPEN });
  expect(await failureOf(stack.carts.getCart({ id, guestToken }))).toMatchObject({ reason: "CART_NOT_FOUND" });
});
