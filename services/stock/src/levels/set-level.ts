import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { productNotFound } from "../products/product.ts";
import { reasons } from "../reasons.ts";
import { adjust } from "./adjust.ts";
import { type Level, lockLevels } from "./level-store.ts";

/** The quantity that a target sets: all that is on hand, or what can be sold. */
export type LevelTarget = {
  readonly of: "on_hand" | "available";
  readonly quantity: number;
  /** The value that the same quantity must have before. */
  readonly expected: number | undefined;
  readonly reference: string;
};

/**
 * Sets an absolute level by a movement of the difference. The difference is taken under the level's lock: a caller that
 * reads the level and adjusts it by what is missing would undo what others do in between.
 *
 * Throws PRODUCT_NOT_FOUND, STOCK_CHANGED, INSUFFICIENT_STOCK or STOCK_LIMIT.
 */
export async function setLevel(tx: Transaction, productId: string, target: LevelTarget, actor: Actor): Promise<void> {
  const level = (await lockLevels(tx, [productId])).get(productId);
  if (level === undefined || level.deleted) {
    throw productNotFound(productId);
  }
  const now = quantityOf(level, target.of);
  if (target.expected !== undefined && target.expected !== now) {
    const what = target.of === "on_hand" ? "on hand" : "to sell";
    const message = `product ${productId} has ${now} ${what}, and ${target.expected} were expected; read it again`;
    throw new DomainError(reasons, "STOCK_CHANGED", message, {
      product_id: productId,
      [target.of]: String(now),
      expected: String(target.expected),
    });
  }
  const delta = target.quantity - now;
  if (delta !== 0) {
    const reason = delta > 0 ? "RECEIPT" : "CORRECTION";
    await adjust(tx, { productId, delta, reason, reference: target.reference }, actor);
  }
}

function quantityOf({ onHand, reserved }: Level, of: LevelTarget["of"]): number {
  return of === "on_hand" ? onHand : onHand - reserved;
}
