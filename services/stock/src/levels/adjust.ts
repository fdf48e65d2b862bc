import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { productNotFound } from "../products/product.ts";
import { reasons } from "../reasons.ts";
import { lockLevels, maxOnHand, type NewMovement, recordMovements } from "./level-store.ts";

/** Records that something came, went or was counted. Fails with PRODUCT_NOT_FOUND, INSUFFICIENT_STOCK, STOCK_LIMIT. */
export async function adjust(tx: Transaction, movement: NewMovement): Promise<void> {
  const { productId, delta } = movement;
  const level = (await lockLevels(tx, [productId])).get(productId);
  if (level === undefined || level.deleted) {
    throw productNotFound(productId);
  }
  const { onHand, reserved } = level;
  if (onHand + delta < reserved) {
    const message =
      `product ${productId} has ${onHand} on hand and ${reserved} of them set aside: ` +
      `${-delta} cannot go, at most ${onHand - reserved}`;
    throw new DomainError(reasons, "INSUFFICIENT_STOCK", message, {
      product_id: productId,
      on_hand: String(onHand),
      reserved: String(reserved),
    });
  }
  if (onHand + delta > maxOnHand) {
    const message = `product ${productId} has ${onHand} on hand: with ${delta} more it would be above ${maxOnHand}`;
    throw new DomainError(reasons, "STOCK_LIMIT", message, { product_id: productId, on_hand: String(onHand) });
  }
  await recordMovements(tx, [movement]);
}
