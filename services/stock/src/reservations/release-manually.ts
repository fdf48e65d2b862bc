import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { lockLevels, releaseQuantity } from "../levels/level-store.ts";
import { productNotFound } from "../products/product.ts";
import { findProduct } from "../products/product-store.ts";
import { reasons } from "../reasons.ts";
import type { Line } from "./reservation.ts";
import { findLines, lockManual, setActor, setStates, shrinkLines } from "./reservation-store.ts";

/**
 * Releases a quantity of a product from MANUAL reservations, the oldest first. One that holds nothing afterwards is
 * RELEASED. Throws PRODUCT_NOT_FOUND, and NOT_RESERVED if they hold less.
 */
export async function releaseManually(tx: Transaction, { productId, quantity }: Line, actor: Actor): Promise<void> {
  const product = await findProduct(tx, productId);
  if (product === undefined || product.deleted) {
    throw productNotFound(productId);
  }
  const taken = new Map<string, number>();
  const seen: string[] = [];
  let left = quantity;
  while (left > 0) {
    const ids = await lockManual(tx, { productId, except: seen, limit: 100 });
    if (ids.length === 0) {
      const message = `manual reservations hold ${quantity - left} of product ${productId}, and ${quantity} were to be released`;
      throw new DomainError(reasons, "NOT_RESERVED", message, {
        product_id: productId,
        reserved_manually: String(quantity - left),
      });
    }
    seen.push(...ids);
    // Read after the lock: until then another release may have taken from them.
    const held = await quantities(tx, ids, productId);
    for (const id of ids) {
      const take = Math.min(left, held.get(id) ?? 0);
      if (take > 0) {
        taken.set(id, take);
        left -= take;
      }
    }
  }
  await giveBack(tx, productId, taken, quantity);
  await setActor(tx, [...taken.keys()], actor);
}

/**
 * Releases all that MANUAL reservations hold of a product. The caller has locked the product, which holds up no new
 * reservation: one that is made meanwhile stays.
 */
export async function releaseAllManually(tx: Transaction, productId: string): Promise<void> {
  const seen: string[] = [];
  for (;;) {
    const ids = await lockManual(tx, { productId, except: seen, limit: 100 });
    if (ids.length === 0) {
      return;
    }
    seen.push(...ids);
    // Read after the lock, as above.
    const held = new Map([...(await quantities(tx, ids, productId))].filter(([, quantity]) => quantity > 0));
    if (held.size > 0) {
      const total = [...held.values()].reduce((sum, quantity) => sum + quantity, 0);
      await giveBack(tx, productId, held, total);
    }
  }
}

async function giveBack(tx: Transaction, productId: string, taken: ReadonlyMap<string, number>, quantity: number) {
  const ids = [...taken.keys()];
  const rest = new Map<string, number>();
  for (const line of await findLines(tx, ids)) {
    rest.set(line.reservationId, (rest.get(line.reservationId) ?? 0) + line.quantity);
  }
  const emptied = ids.filter((id) => rest.get(id) === taken.get(id));
  await lockLevels(tx, [productId]);
  await releaseQuantity(tx, productId, quantity);
  // The lines of a RELEASED reservation stay, as a record of what it held.
  await setStates(tx, emptied, "RELEASED");
  await shrinkLines(
    tx,
    productId,
    ids.filter((id) => !emptied.includes(id)).map((id) => ({ id, by: taken.get(id) ?? 0 })),
  );
}

async function quantities(tx: Transaction, ids: readonly string[], productId: string): Promise<Map<string, number>> {
  const lines = await findLines(tx, ids);
  return new Map(
    lines.filter((line) => line.productId === productId).map((line) => [line.reservationId, line.quantity]),
  );
}
