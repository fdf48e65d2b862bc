import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

/** The fields of a product that people edit. */
export type ProductContent = {
  readonly sku: string;
  readonly title: string;
  readonly description: string;
  readonly currency: string;
  readonly priceMinor: bigint;
};

export type Product = ProductContent & {
  readonly id: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly version: bigint;
  readonly createTime: Date;
  readonly updateTime: Date;
  readonly deleted: boolean;
};

export type NewProduct = ProductContent & { readonly id: string };

/** The paths that an update mask may name. */
export const updatablePaths = ["sku", "title", "description", "price"] as const;
export type UpdatablePath = (typeof updatablePaths)[number];

/** Returns the text that is searched: title, SKU and description, folded, a line each. */
export function searchText({ title, sku, description }: ProductContent): string {
  return [title, sku, description].map(foldText).join("\n");
}

/** Folds text so that equal-looking texts compare equal: NFKC, lower case, single spaces. */
export function foldText(text: string): string {
  // Not in SQL, where lower() depends on the database's locale.
  return text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();
}

export function sameContent(a: ProductContent, b: ProductContent): boolean {
  return (
    a.sku === b.sku &&
    a.title === b.title &&
    a.description === b.description &&
    a.currency === b.currency &&
    a.priceMinor === b.priceMinor
  );
}

export function productNotFound(id: string): DomainError {
  return new DomainError(reasons, "PRODUCT_NOT_FOUND", `there is no product ${id}`, { product_id: id });
}

/** Returns the error for a SKU that another product has. */
export function skuTaken(sku: string): DomainError {
  return new DomainError(reasons, "PRODUCT_EXISTS", `another product has the SKU ${sku}; choose a new one`, { sku });
}

export function etagMismatch(id: string, etag: string): DomainError {
  const message = `product ${id} is at version ${etag} now; read it and apply the change again`;
  return new DomainError(reasons, "ETAG_MISMATCH", message, { product_id: id, etag });
}
