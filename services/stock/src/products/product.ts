import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

/** What people edit of a product. */
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

/** The fields of the proto message that an update may name. */
export const updatablePaths = ["sku", "title", "description", "price"] as const;
export type UpdatablePath = (typeof updatablePaths)[number];

/** What a search looks at: title, SKU and description, a line each, spelled as foldText spells. */
export function searchText({ title, sku, description }: ProductContent): string {
  return [title, sku, description].map(foldText).join("\n");
}

/** The same text for what a person means to be the same: small letters, one form of each, single spaces. */
export function foldText(text: string): string {
  // Here and not in SQL: what lower() knows depends on the locale that a database was made with.
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

/** Another product has this SKU. */
export function skuTaken(sku: string): DomainError {
  return new DomainError(reasons, "PRODUCT_EXISTS", `another product has the SKU ${sku}; choose a new one`, { sku });
}

export function etagMismatch(id: string, etag: string): DomainError {
  const message = `product ${id} is at version ${etag} by now; read it, and change it again`;
  return new DomainError(reasons, "ETAG_MISMATCH", message, { product_id: id, etag });
}
