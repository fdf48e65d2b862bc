import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Queryable, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { UpdateCartRequest } from "@sagacart/proto/order/v1/cart_service";
import pg from "pg";
import { reasons } from "../reasons.ts";
import { type Cart, checkChangeable } from "./cart.ts";
import { insertDefaultCart } from "./cart-insert-store.ts";
import { loadDefaultCart, releaseDefault } from "./cart-store.ts";
import { changeCart } from "./change-cart.ts";

/** Loads the customer's default cart, and creates it if there is none. Concurrent callers get the same cart. */
export async function getDefaultCart(db: Queryable, customerId: string): Promise<Cart> {
  for (let round = 0; round < maxRounds; round++) {
    const cart = await loadDefaultCart(db, customerId);
    if (cart !== undefined) {
      return cart;
    }
    await insertDefaultCart(db, uuidv7(), customerId);
  }
  throw contention(customerId);
}

/** Changes the customer's default cart. One that is bought between its being found and locked is not the default any more. */
export async function changeDefaultCart(
  tx: Transaction,
  customerId: string,
  apply: (cart: Cart) => Cart,
): Promise<Cart> {
  for (let round = 0; round < maxRounds; round++) {
    const { id } = await getDefaultCart(tx, customerId);
    try {
      return await changeCart(tx, { ref: { id, customerId }, apply });
    } catch (error) {
      if (!(error instanceof DomainError) || error.reason !== "CART_CLOSED") {
        throw error;
      }
    }
  }
  throw contention(customerId);
}

/** Changes the name of a cart or makes it the default, as requested. */
export async function updateCart(
  pool: Pool,
  { id, customerId, etag, name, makeDefault }: UpdateCartRequest,
): Promise<Cart> {
  const apply = (cart: Cart): Cart => {
    checkChangeable(cart, etag);
    const isDefault = cart.isDefault || makeDefault;
    const changed = { ...cart, name: name ?? cart.name, isDefault };
    return changed.name === cart.name && changed.isDefault === cart.isDefault ? cart : changed;
  };
  for (let round = 0; round < maxRounds; round++) {
    try {
      return await withTransaction(pool, async (tx) => {
        if (makeDefault) {
          await releaseDefault(tx, id);
        }
        return await changeCart(tx, { ref: { id, customerId }, apply });
      });
    } catch (error) {
      // Another cart became the default at the same time, when there was no default cart yet to lock.
      if (!(error instanceof pg.DatabaseError) || error.constraint !== "carts_default") {
        throw error;
      }
    }
  }
  throw contention(customerId);
}

const maxRounds = 10;

function contention(customerId: string): DomainError {
  const message = `other calls kept changing the default cart of customer ${customerId}; try again`;
  return new DomainError(reasons, "CONTENTION", message, { customer_id: customerId });
}
