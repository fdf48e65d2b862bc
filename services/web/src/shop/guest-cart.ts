import { createClient, type Transport } from "@connectrpc/connect";
import { type Cart, Cart_State } from "@sagacart/proto/order/v1/cart";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { failureOf } from "../rpc/failure.ts";
import type { CartActions, Line } from "./cart-actions.ts";
import { forgetGuestCart, readGuestCart, rememberGuestOrder, writeGuestCart } from "./cart-store.ts";

/** The cart of a guest, whose token this browser keeps. */
export function guestsCart(transport: Transport): CartActions {
  const carts = createClient(GuestCartService, transport);
  const create = async (line: Line) => {
    const { cart, guestToken } = await carts.createGuestCart({ lines: [line] });
    if (cart !== undefined) {
      writeGuestCart({ id: cart.id, token: guestToken });
    }
    return cart;
  };
  const read = async () => {
    const known = readGuestCart();
    if (known === undefined) {
      return undefined;
    }
    try {
      const { cart } = await carts.getGuestCart({ id: known.id, guestToken: known.token });
      if (cart !== undefined && cart.orderId !== "") {
        // The checkout does so too, but its answer may have been lost: without the token, nobody sees the order again.
        rememberGuestOrder(cart.orderId, known.token);
      }
      if (cart !== undefined && isClosed(cart)) {
        forgetGuestCart(known.id);
        return undefined;
      }
      return cart;
    } catch (error) {
      if (!isGone(error)) {
        throw error;
      }
      forgetGuestCart(known.id);
      return undefined;
    }
  };
  return {
    read,
    async add(line, requestId) {
      const known = readGuestCart();
      if (known === undefined) {
        return await create(line);
      }
      try {
        return (await carts.addGuestCartItem({ id: known.id, guestToken: known.token, ...line, requestId })).cart;
      } catch (error) {
        if (!isGone(error)) {
          throw error;
        }
        // Learns of the order that closed it, and forgets the cart: the product starts another one.
        await read();
        return await create(line);
      }
    },
    replace: async ({ id, etag }, lines) =>
      (await carts.replaceGuestCartLines({ id, guestToken: readGuestCart()?.token ?? "", etag, lines: [...lines] }))
        .cart,
  };
}

/** Returns true if the cart is bought, merged or deleted. */
function isGone(error: unknown): boolean {
  const { reason } = failureOf(error);
  return reason === "CART_NOT_FOUND" || reason === "CART_CLOSED";
}

function isClosed({ state }: Cart): boolean {
  return state !== Cart_State.OPEN && state !== Cart_State.CHECKING_OUT;
}
