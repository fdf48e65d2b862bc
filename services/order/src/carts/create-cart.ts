import { DomainError } from "@sagacart/chassis/errors";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type CreateCartRequest, CreateCartRequestSchema } from "@sagacart/proto/order/v1/cart_service";
import { reasons } from "../reasons.ts";
import { type Cart, priceLines } from "./cart.ts";
import { insertCart, type NewCart } from "./cart-insert-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { loadCart } from "./load-cart.ts";

/** Creates a cart, once per request id. */
export async function createCart(
  { pool, catalogue }: { pool: Pool; catalogue: Catalogue },
  request: CreateCartRequest,
): Promise<Cart> {
  const { customerId, requestId, name } = request;
  const quotes = await catalogue(request.lines.map(({ productId }) => productId));
  const fingerprint = fingerprintOf(CreateCartRequestSchema, request, { without: ["request_id"] });
  const guard = callerGuard(customerId, { requestId, fingerprint });
  const key = { scope: customerId, requestId, method: "CreateCart", fingerprint, guard };
  const { resourceId } = await once(pool, key, async (tx) => {
    const id = request.id || uuidv7();
    await insertWithinLimit(tx, { id, customerId, name, lines: priceLines(request.lines, quotes) });
    return id;
  });
  return await loadCart(pool, { id: resourceId, customerId });
}

/** The limit of open carts of one customer. */
const maxOpen = 1_000;

/** Inserts a cart. Throws CART_EXISTS or CART_LIMIT. */
export async function insertWithinLimit(tx: Transaction, cart: NewCart): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const inserted = await insertCart(tx, cart, maxOpen);
    switch (inserted) {
      case "MADE":
        return;
      case "EXISTS":
        throw new DomainError(reasons, "CART_EXISTS", `cart id ${cart.id} is taken; choose another one`, {
          cart_id: cart.id,
        });
      case "TOO_MANY": {
        const message = `customer ${cart.customerId} has ${maxOpen} open carts; delete some first`;
        const metadata = { limit: "open_carts", max: String(maxOpen), customer_id: cart.customerId };
        throw new DomainError(reasons, "CART_LIMIT", message, metadata);
      }
      case "RACED":
        break;
      default:
        inserted satisfies never;
    }
  }
  const message = `other calls kept making carts of customer ${cart.customerId}; try again`;
  throw new DomainError(reasons, "CONTENTION", message, { customer_id: cart.customerId });
}
