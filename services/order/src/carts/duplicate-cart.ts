import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type DuplicateCartRequest, DuplicateCartRequestSchema } from "@sagacart/proto/order/v1/cart_service";
import { type Cart, checkOwner, priceLines } from "./cart.ts";
import { loadLeftOut } from "./cart-insert-store.ts";
import { loadCarts } from "./cart-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { insertWithinLimit } from "./create-cart.ts";
import { type LeftOut, partSold } from "./left-out.ts";

/** Makes a cart of what is in another one, once per request id, and says what it had to leave out. */
export async function duplicateCart(
  { pool, catalogue }: { pool: Pool; catalogue: Catalogue },
  request: DuplicateCartRequest,
): Promise<{ cart: Cart; leftOut: readonly LeftOut[] }> {
  const { customerId, requestId } = request;
  const source = await load(pool, request.id, customerId);
  const quotes = await catalogue(source.lines.map(({ productId }) => productId));
  const { sold, leftOut } = partSold(source.lines, quotes);
  const fingerprint = fingerprintOf(DuplicateCartRequestSchema, request, { without: ["request_id"] });
  const asked = { scope: customerId, requestId, method: "DuplicateCart", fingerprint };
  const { resourceId } = await once(pool, asked, async (tx) => {
    const id = request.newId || uuidv7();
    const name = request.name ?? source.name;
    await insertWithinLimit(tx, { id, customerId, name, lines: priceLines(sold, quotes), leftOut });
    return id;
  });
  return { cart: await load(pool, resourceId, customerId), leftOut: await loadLeftOut(pool, resourceId) };
}

async function load(pool: Pool, id: string, customerId: string): Promise<Cart> {
  const cart = (await loadCarts(pool, [id])).get(id);
  checkOwner(cart, { id, customerId });
  return cart;
}
