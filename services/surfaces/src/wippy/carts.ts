import { randomUUID } from "node:crypto";
import { errorInfo } from "@sagacart/chassis/errors";
import type { Cart } from "@sagacart/proto/order/v1/cart";
import type { Clients } from "../services.ts";

type CallOptions = { readonly signal: AbortSignal; readonly timeoutMs: number };

/** Finds the user's current cart, without creating one. */
export async function currentCart(
  { carts }: Pick<Clients, "carts">,
  customerId: string,
  options: CallOptions,
): Promise<Cart | undefined> {
  for (let pageToken = ""; ; ) {
    const page = await carts.listCarts({ customerId, pageSize: 200, pageToken, withoutAvailability: true }, options);
    const current = page.carts.find(({ isDefault }) => isDefault);
    if (current !== undefined || page.nextPageToken === "") {
      return current;
    }
    pageToken = page.nextPageToken;
  }
}

/**
 * Adds to the user's current cart, and creates the cart if there is none. With its first line it also creates the user's
 * account, in the shop's currency.
 */
export async function addToCart(
  { carts, accounts }: Pick<Clients, "carts" | "accounts">,
  item: { customerId: string; productId: string; quantity: number; requestId: string },
  { currency, ...options }: CallOptions & { currency: string },
): Promise<void> {
  const { customerId } = item;
  for (let tries = 1; ; tries++) {
    const { cart } = await carts.getDefaultCart({ customerId, withoutAvailability: true }, options);
    if (cart?.lines.length === 0) {
      await accounts.createAccount({ customerId, currencyCode: currency, requestId: randomUUID() }, options);
    }
    try {
      await carts.addCartItem({ ...item, id: cart?.id ?? "" }, options);
      return;
    } catch (error) {
      // It was purchased meanwhile: the item goes into the next cart.
      if (errorInfo(error).reason !== "CART_CLOSED" || tries === mostTries) {
        throw error;
      }
    }
  }
}

const mostTries = 3;
