import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

/** The fields of a product that people edit. */
export type ProductContent = {
  readonly sku: string;
  readonly title: string;
  readonly description: string;
  readonly currency: string;
  readonly priceMinor: bigint;
  /** An https URL, or a path below /assets/; "" for none. */
  readonly pictureUrl: string;
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

/** A product to create or overwrite. Without a picture, the one that it has stays. */
export type PutProduct = Omit<NewProduct, "pictureUrl"> & { readonly pictureUrl: string | undefined };

/** The paths that an update mask may name. */
export const updatablePaths = ["sku", "title", "description", "price", "picture_url"] as const;
export type UpdatablePath = (typeof updatablePaths)[number];

/** Returns the text that is searched: title, SKU and description, folded, a line each. */
export function searchText({ title, sku, description }: Pick<ProductContent, "title" | "sku" | "description">): string {
  return [title, sku, description].map(foldText).join("\n");
}

/**
 * Folds text so that texts compare equal that people type for each other: lower case, single spaces, no accents ("café" and
 * "cafe", "smørrebrød" and "smorrebrod"). Marks of other scripts are kept: vowels of Hindi are no accents.
 */
export function foldText(text: string): string {
  // Not in SQL, where lower() depends on the database's locale. The migration skus_and_search does the rest to older rows.
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[\u0300-\u036f]/g, "")
    .normalize("NFC")
    .replaceAll(/[øłđħŧıæœ]/g, (letter) => plain[letter] ?? letter)
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Letters with strokes and ligatures, which Unicode does not decompose. */
const plain: Readonly<Record<string, string>> = {
  ø: "o",
  ł: "l",
  đ: "d",
  ħ: "h",
  ŧ: "t",
  ı: "i",
  æ: "ae",
  œ: "oe",
};

export function sameContent(a: ProductContent, b: ProductContent): boolean {
  return (
    a.sku === b.sku &&
    a.title === b.title &&
    a.description === b.description &&
    a.currency === b.currency &&
    a.priceMinor === b.priceMinor &&
    a.pictureUrl === b.pictureUrl
  );
}

/**
 * Returns true for a picture that pages can show as it is written, "" included: what the contract's pattern cannot say. Browsers
 * would resolve a path with `..`, and one that leads out of /assets/ is no picture.
 */
export function isPicture(url: string): boolean {
  const base = "https://shop.invalid";
  if (url === "") {
    return true;
  }
  if (!URL.canParse(url, base)) {
    return false;
  }
  const { protocol, pathname } = new URL(url, base);
  const path = url.replace(/^https:\/\/[^/]*/, "").split("?", 1)[0];
  return protocol === "https:" && (path === pathname || (path === "" && pathname === "/")) && !path.includes("//");
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
