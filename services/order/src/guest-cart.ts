import type { Pool } from "@sagacart/chassis/postgres";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { CreateCartRequest } from "@sagacart/proto/order/v1/cart_service";
import { type Cart, priceLines } from "./cart.ts";
import { insertGuestCart } from "./cart-insert-store.ts";
import { loadCarts } from "./cart-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { makeGuestToken } from "./guest-token.ts";

/** Makes a cart that belongs to nobody, and the token that opens it. */
export async function createGuestCart(
  { pool, catalogue }: { pool: Pool; catalogue: Catalogue },
  { name, lines }: CreateCartRequest,
): Promise<{ cart: Cart; guestToken: string }> {
  const quotes = await catalogue(lines.map(({ productId }) => productId));
  const { token, hash } = makeGuestToken();
  const id = uuidv7();
  await insertGuestCart(pool, { id, guestTokenHash: hash, name, lines: priceLines(lines, quotes) });
  const cart = (await loadCarts(pool, [id])).get(id);
  if (cart === undefined) {
    throw new Error(`guest cart ${id} was made and is gone`);
  }
  return { cart, guestToken: token };
}
