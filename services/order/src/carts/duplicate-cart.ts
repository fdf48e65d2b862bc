import type { Pool } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type DuplicateCartRequest, DuplicateCartRequestSchema } from "@sagacart/proto/order/v1/cart_service";
import { type Cart, type LeftOutLine, priceLines, separateSold } from "./cart.ts";
import { loadLeftOut } from "./cart-insert-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { insertWithinLimit } from "./create-cart.ts";
import { loadCart } from "./load-cart.ts";

/** Creates a cart with the lines of another one that are still sold, once per request id. */
export async function duplicateCart(
  { pool, catalogue }: { pool: Pool; catalogue: Catalogue },
  request: DuplicateCartRequest,
): Promise<{ cart: Cart; leftOut: readonly LeftOutLine[] }> {
  const { customerId, requestId } = request;
  const source = await loadCart(pool, { id: request.id, customerId });
  const quotes = await catalogue(source.lines.map(({ productId }) => productId));
  const { sold, leftOut } = separateSold(source.lines, quotes);
  const fingerprint = fingerprintOf(DuplicateCartRequestSchema, request, { without: ["request_id"] });
  const guard = callerGuard(customerId, { requestId, fingerprint });
  const key = { scope: customerId, requestId, method: "DuplicateCart", fingerprint, guard };
  const { resourceId } = await once(pool, key, async (tx) => {
    const id = request.newId || uuidv7();
    const name = request.name ?? source.name;
    await insertWithinLimit(tx, { id, customerId, name, lines: priceLines(sold, quotes), leftOut });
    return id;
  });
  const cart = await loadCart(pool, { id: resourceId, customerId });
  return { cart, leftOut: await loadLeftOut(pool, resourceId) };
}
