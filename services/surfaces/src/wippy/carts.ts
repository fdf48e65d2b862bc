import { randomUUID } from "node:crypto";
import { shorten } from "@sagacart/chassis/shorten";
import type { Cart, CartLine } from "@sagacart/proto/order/v1/cart";
import { EdgeError } from "@sagacart/rest/problem";
import type { Clients } from "../services.ts";
import { ownName } from "./products.ts";

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
 * account, in the shop's currency. The order service chooses the cart, so that a repeat with the same key adds nothing, also
 * after the cart has been bought.
 */
export async function addToCart(
  { carts, accounts }: Pick<Clients, "carts" | "accounts">,
  item: { customerId: string; productId: string; quantity: number; requestId: string },
  { currency, ...options }: CallOptions & { currency: string },
): Promise<void> {
  const { customerId } = item;
  const { cart } = await carts.getDefaultCart({ customerId, withoutAvailability: true }, options);
  if (cart?.lines.length === 0) {
    await accounts.createAccount({ customerId, currencyCode: currency, requestId: randomUUID() }, options);
  }
  await carts.addCartItem(item, options);
}

/**
 * Removes a line from the user's current cart, named by its SKU or product, and returns it. The line is found in the cart and
 * not in the catalogue, since its product may be gone. Throws PRODUCT_NOT_FOUND if there is no such line.
 */
export async function removeFromCart(
  { carts }: Pick<Clients, "carts">,
  { customerId, name }: { customerId: string; name: string },
  options: CallOptions,
): Promise<CartLine> {
  const cart = await currentCart({ carts }, customerId, options);
  const own = ownName(name);
  const line = cart?.lines.find(({ sku }) => sku === own) ?? cart?.lines.find(({ productId }) => productId === own);
  if (cart === undefined || line === undefined) {
    const shown = shorten(name, 200);
    const message = `there is no ${shown} in the cart of user ${customerId}`;
    throw new EdgeError("PRODUCT_NOT_FOUND", message, { metadata: { sku: shown, customer_id: customerId } });
  }
  await carts.removeCartItem({ id: cart.id, customerId, productId: line.productId }, options);
  return line;
}
