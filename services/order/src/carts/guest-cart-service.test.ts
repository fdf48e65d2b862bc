import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contents, failureOf, requireCart, startTestCarts, type TestCarts } from "../testing/test-carts.ts";

let stack: TestCarts;
beforeAll(async () => {
  stack = await startTestCarts();
});
afterAll(() => stack[Symbol.asyncDispose]());

const oneTea = { productId: "tea", quantity: 1 };

async function guestCart(...lines: { productId: string; quantity: number }[]) {
  const { cart, guestToken } = await stack.guests.createGuestCart({ lines });
  return { id: requireCart(cart).id, guestToken };
}

/** All calls for a guest's cart. */
const uses: [string, (asked: { id: string; guestToken?: string; etag?: string }) => Promise<unknown>][] = [
  ["GetGuestCart", ({ etag: _, ...asked }) => stack.guests.getGuestCart(asked)],
  ["AddGuestCartItem", (asked) => stack.guests.addGuestCartItem({ ...asked, productId: "mug" })],
  [
    "AddGuestCartItem once",
    (asked) => stack.guests.addGuestCartItem({ ...asked, productId: "mug", requestId: randomUUID() }),
  ],
  ["ReplaceGuestCartLines", (asked) => stack.guests.replaceGuestCartLines({ ...asked, lines: [] })],
  ["RemoveGuestCartItem", (asked) => stack.guests.removeGuestCartItem({ ...asked, productId: "tea" })],
  ["DeleteGuestCart", (asked) => stack.guests.deleteGuestCart(asked)],
];

test("a guest fills, reads and deletes a cart with its token alone", async () => {
  const mine = await guestCart(oneTea);
  await stack.guests.addGuestCartItem({ ...mine, productId: "mug", quantity: 2 });
  await stack.guests.addGuestCartItem({ ...mine, productId: "mug", requestId: "once" });
  await stack.guests.addGuestCartItem({ ...mine, productId: "mug", requestId: "once" });
  expect(contents((await stack.guests.getGuestCart(mine)).cart)).toEqual({ tea: 1, mug: 3 });
  await stack.guests.removeGuestCartItem({ ...mine, productId: "tea" });
  const lines = [
    { productId: "tea", quantity: 9 },
    { productId: "mug", quantity: 0 },
  ];
  const { cart } = await stack.guests.replaceGuestCartLines({ ...mine, lines });
  expect(contents(cart)).toEqual({ tea: 9 });
  expect(cart).toMatchObject({ customerId: "", isDefault: false });
  await stack.guests.deleteGuestCart(mine);
  expect((await stack.guests.getGuestCart(mine)).cart).toMatchObject({ state: Cart_State.DELETED });
});

test.each(uses)("%s does not find a guest's cart without its token", async (_, use) => {
  const { id, guestToken } = await guestCart(oneTea);
  const other = await guestCart();
  const expected = { code: Code.NotFound, reason: "CART_NOT_FOUND", metadata: { cart_id: id } };
  for (const wrong of [undefined, other.guestToken, `${guestToken}A`, "short"]) {
    expect(await failureOf(use({ id, ...(wrong === undefined ? {} : { guestToken: wrong }) }))).toEqual(expected);
  }
  expect(contents((await stack.guests.getGuestCart({ id, guestToken })).cart)).toEqual({ tea: 1 });
});

test.each(uses)("%s does not find a customer's cart, with any token", async (_, use) => {
  const mine = await guestCart();
  const theirs = await stack.newCart(oneTea);
  for (const guestToken of ["", mine.guestToken]) {
    expect(await failureOf(use({ id: theirs.id, guestToken }))).toMatchObject({ reason: "CART_NOT_FOUND" });
  }
  expect((await stack.carts.getCart({ id: theirs.id })).cart).toEqual(theirs);
});

test.each(uses.slice(1))("%s accepts the cart's current etag only", async (_, use) => {
  const mine = await guestCart(oneTea);
  expect(await failureOf(use({ ...mine, etag: "0" }))).toMatchObject({ reason: "ETAG_MISMATCH" });
  await use({ ...mine, etag: "1" });
});

test("customers and operators do not find a guest's cart in CartService", async () => {
  const { id } = await guestCart(oneTea);
  for (const asked of [{ id }, { id, customerId: "somebody" }]) {
    const calls = [
      () => stack.carts.getCart(asked),
      () => stack.carts.addCartItem({ ...asked, productId: "tea" }),
      () => stack.carts.addCartItem({ ...asked, productId: "tea", requestId: randomUUID() }),
      () => stack.carts.replaceCartLines({ ...asked, lines: [] }),
      () => stack.carts.removeCartItem({ ...asked, productId: "tea" }),
      () => stack.carts.updateCart({ ...asked, name: "mine now", makeDefault: true }),
      () => stack.carts.deleteCart(asked),
    ];
    for (const call of calls) {
      expect(await failureOf(call())).toMatchObject({ code: Code.NotFound, reason: "CART_NOT_FOUND" });
    }
  }
});

test("a request id that was used with the token cannot be replayed without it", async () => {
  const { id, guestToken } = await guestCart();
  const request = { id, productId: "tea", requestId: "once" };
  await stack.guests.addGuestCartItem({ ...request, guestToken });
  for (const wrong of [{}, { guestToken: "A".repeat(43) }]) {
    expect(await failureOf(stack.guests.addGuestCartItem({ ...request, ...wrong }))).toMatchObject({
      reason: "CART_NOT_FOUND",
    });
  }
});

test("two guests may use the same request id", async () => {
  const [one, other] = [await guestCart(), await guestCart()];
  for (const mine of [one, other]) {
    await stack.guests.addGuestCartItem({ ...mine, productId: "tea", requestId: "1" });
    expect(contents((await stack.guests.getGuestCart(mine)).cart)).toEqual({ tea: 1 });
  }
});

test("each guest's cart has its own id and token, and only a hash of the token is stored", async () => {
  const [one, other] = [await guestCart(), await guestCart()];
  expect(one.id).not.toBe(other.id);
  expect(one.guestToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(one.guestToken).not.toBe(other.guestToken);
  const { rows } = await stack.pool.query("select c::text as row from carts c where id = $1", [one.id]);
  expect(rows[0].row).not.toContain(one.guestToken);
});

test("a guest's cart that is overwritten becomes the customer's, and its token opens nothing any more", async () => {
  const mine = await guestCart();
  await stack.carts.batchPutCarts({ items: [{ id: mine.id, customerId: "ann" }] });
  const { cart } = await stack.carts.getCart({ id: mine.id, customerId: "ann" });
  expect(cart).toMatchObject({ state: Cart_State.OPEN });
  expect(await failureOf(stack.guests.getGuestCart(mine))).toMatchObject({ reason: "CART_NOT_FOUND" });
});
