import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { beforeEach, expect, test, vi } from "vitest";
import { forgetGuestCart, guestTokenOf, readGuestCart, writeGuestCart } from "./cart-store.ts";
import { guestsCart } from "./guest-cart.ts";

beforeEach(() => {
  const items = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  });
  writeGuestCart({ id: "cart", token: "secret" });
});

const failure = (reason: string) =>
  new ConnectError(reason, Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason }) },
  ]);

function cartIn(state: Cart_State, orderId: string) {
  return createRouterTransport(({ service }) =>
    service(GuestCartService, {
      getGuestCart: () => ({ cart: { id: "cart", state, orderId } }),
      addGuestCartItem: () => {
        throw failure("CART_CLOSED");
      },
      createGuestCart: () => ({ cart: { id: "next", state: Cart_State.OPEN }, guestToken: "other" }),
    }),
  );
}

test("a cart that was bought gives its token to its order, whose checkout may not have been answered", async () => {
  expect(await guestsCart(cartIn(Cart_State.PURCHASED, "order")).read()).toBeUndefined();

  expect(guestTokenOf("order")).toBe("secret");
  expect(readGuestCart()).toBeUndefined();
});

test("a cart that is being checked out gives its token to its order, and stays", async () => {
  const cart = await guestsCart(cartIn(Cart_State.CHECKING_OUT, "order")).read();

  expect(cart).toMatchObject({ id: "cart", orderId: "order" });
  expect(guestTokenOf("order")).toBe("secret");
  expect(readGuestCart()).toEqual({ id: "cart", token: "secret" });
});

test("a product that is added after the purchase starts another cart, and the order keeps its token", async () => {
  await guestsCart(cartIn(Cart_State.PURCHASED, "order")).add({ productId: "p", quantity: 1 }, "r");

  expect(guestTokenOf("order")).toBe("secret");
  expect(readGuestCart()).toEqual({ id: "next", token: "other" });
});

test("a cart that is gone is forgotten, but not one that another tab has begun since", async () => {
  const gone = createRouterTransport(({ service }) =>
    service(GuestCartService, {
      getGuestCart: () => {
        writeGuestCart({ id: "of another tab", token: "other" });
        throw failure("CART_NOT_FOUND");
      },
    }),
  );
  expect(await guestsCart(gone).read()).toBeUndefined();
  expect(readGuestCart()).toEqual({ id: "of another tab", token: "other" });

  forgetGuestCart("of another tab");
  expect(readGuestCart()).toBeUndefined();
});
