import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { type Cart, type CartRef, checkAccess } from "./cart.ts";
import { loadCarts } from "./cart-store.ts";

/** Loads one cart. Throws CART_NOT_FOUND unless it exists and the reference gives access to it. */
export async function loadCart(db: Queryable, ref: CartRef): Promise<Cart> {
  const cart = (await loadCarts(db, [ref.id])).get(ref.id);
  checkAccess(cart, ref);
  return cart;
}
