import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { productNotFound } from "../products/product.ts";
import { reasons } from "../reasons.ts";
import { lockLevels, maxOnHand, type NewMovement, recordMovements } from "./level-store.ts";

/** Records a receipt, a return or a correction. Throws PRODUCT_NOT_FOUND, INSUFFICIENT_STOCK or STOCK_LIMIT. */
export async function adjust(tx: Transaction, movement: NewMovement, actor: Actor): Promise<void> {
  const { productId, delta } = movement;
  const level = (await lockLevels(tx, [productId])).get(productId);
  if (level === undefined || level.deleted) {
    throw productNotFound(productId);
  }
  const { onHand, reserved } = level;
  if (onHand + delta < reserved) {
    const message =
      `product ${productId} has ${onHand} on hand, ${reserved} of them reserved: ` +
      `${-delta} cannot be removed, at most ${onHand - reserved}`;
    throw new DomainError(reasons, "INSUFFICIENT_STOCK", message, {
      product_id: productId,
      on_hand: String(onHand),
      reserved: String(reserved),
    });
  }
  if (onHand + delta > maxOnHand) {
    const message = `product ${productId} has ${onHand} on hand: ${delta} more would exceed ${maxOnHand}`;
    throw new DomainError(reasons, "STOCK_LIMIT", message, { product_id: productId, on_hand: String(onHand) });
  }
  await recordMovements(tx, [movement], actor);
}
