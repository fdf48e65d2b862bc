import type { Actor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { closeLevel, insertLevels, lockLevels, type NewMovement, recordMovements } from "../levels/level-store.ts";
import { reasons } from "../reasons.ts";
import { releaseAllManually } from "../reservations/release-manually.ts";
import {
  etagMismatch,
  type NewProduct,
  type ProductContent,
  type PutProduct,
  productNotFound,
  sameContent,
} from "./product.ts";
import { insertProduct, lockProducts, markDeleted, putProducts, updateProduct } from "./product-store.ts";

/** Creates a product with `onHand` units. Throws PRODUCT_EXISTS. */
export async function createProduct(tx: Transaction, product: NewProduct, onHand: number, actor: Actor): Promise<void> {
  const { id } = product;
  if (!(await insertProduct(tx, product))) {
    const message = `there is, or was, a product ${id}; choose a new id`;
    throw new DomainError(reasons, "PRODUCT_EXISTS", message, { product_id: id });
  }
  await insertLevels(tx, [id]);
  if (onHand > 0) {
    await recordMovements(tx, [{ productId: id, delta: onHand, reason: "RECEIPT", reference: "" }], actor);
  }
}

/**
 * Changes a product; an etag of "" matches any version. A change that alters nothing makes no new version. Throws
 * PRODUCT_NOT_FOUND, ETAG_MISMATCH, and PRODUCT_EXISTS for a SKU that is taken.
 */
export async function editProduct(
  tx: Transaction,
  { id, etag, changes }: { id: string; etag: string; changes: Partial<ProductContent> },
): Promise<void> {
  const product = (await lockProducts(tx, [id])).get(id);
  if (product === undefined || product.deleted) {
    throw productNotFound(id);
  }
  const content = { ...product, ...changes };
  const same = sameContent(product, content);
  // A repeat of the change that made the current version.
  const repeated = same && etag === String(product.version - 1n);
  if (etag !== "" && etag !== String(product.version) && !repeated) {
    throw etagMismatch(id, String(product.version));
  }
  if (!same) {
    await updateProduct(tx, id, content);
  }
}

/**
 * Deletes a product; idempotent. With `releaseManual` it releases what is reserved by hand first. Throws PRODUCT_NOT_FOUND,
 * ETAG_MISMATCH, and PRODUCT_RESERVED while stock is reserved.
 */
export async function deleteProduct(
  tx: Transaction,
  { id, etag, releaseManual }: { id: string; etag: string; releaseManual: boolean },
): Promise<void> {
  const product = (await lockProducts(tx, [id])).get(id);
  if (product === undefined) {
    throw productNotFound(id);
  }
  if (product.deleted) {
    return;
  }
  if (etag !== "" && etag !== String(product.version)) {
    throw etagMismatch(id, String(product.version));
  }
  if (releaseManual) {
    await releaseAllManually(tx, id);
  }
  // The level that was read with the product was not locked.
  let reserved = (await lockLevels(tx, [id])).get(id)?.reserved ?? 0;
  if (releaseManual && reserved > 0) {
    // Reserved by hand since. Nothing more is reserved while the level is locked. A deadlock with a release, which locks in
    // the other order, is resolved by Postgres and tried again.
    await releaseAllManually(tx, id);
    reserved = (await lockLevels(tx, [id])).get(id)?.reserved ?? 0;
  }
  if (reserved > 0) {
    const message = `${reserved} of product ${id} are reserved; release these reservations first`;
    throw new DomainError(reasons, "PRODUCT_RESERVED", message, { product_id: id, reserved: String(reserved) });
  }
  await markDeleted(tx, id);
  await closeLevel(tx, id);
}

/**
 * Creates or overwrites products with different ids, and sets what is on hand of each by movements. Throws
 * PRODUCT_EXISTS for a SKU that is taken, and PRODUCT_RESERVED if more is reserved than shall be on hand.
 */
export async function setProducts(
  tx: Transaction,
  items: readonly { readonly product: PutProduct; readonly onHand: number }[],
  actor: Actor,
): Promise<void> {
  const ids = items.map(({ product }) => product.id);
  await putProducts(
    tx,
    items.map(({ product }) => product),
  );
  await insertLevels(tx, ids);
  const levels = await lockLevels(tx, ids);
  const movements = items.flatMap(({ product, onHand }): NewMovement[] => {
    const level = levels.get(product.id) ?? { onHand: 0, reserved: 0 };
    if (onHand < level.reserved) {
      const { id: product_id } = product;
      const message = `${level.reserved} of product ${product_id} are reserved, more than the ${onHand} that shall be on hand`;
      throw new DomainError(reasons, "PRODUCT_RESERVED", message, { product_id, reserved: String(level.reserved) });
    }
    const delta = onHand - level.onHand;
    const reason = delta > 0 ? "RECEIPT" : "CORRECTION";
    return delta === 0 ? [] : [{ productId: product.id, delta, reason, reference: "" }];
  });
  if (movements.length > 0) {
    await recordMovements(tx, movements, actor);
  }
}
