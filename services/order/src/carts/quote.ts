import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

/** A product with the price it has now. */
export type Quote = {
  readonly productId: string;
  readonly sku: string;
  readonly title: string;
  readonly currency: string;
  readonly priceMinor: bigint;
  /** The quantity that can be sold now; absent if it is not known. */
  readonly available?: number | undefined;
};

/** Quotes by product id. A product that does not exist has none. */
export type Quotes = ReadonlyMap<string, Quote>;

/** The quote of a product. Throws PRODUCT_NOT_FOUND. */
export function quoteOf(quotes: Quotes, productId: string): Quote {
  const quote = quotes.get(productId);
  if (quote === undefined) {
    throw new DomainError(reasons, "PRODUCT_NOT_FOUND", `there is no product ${productId}`, { product_id: productId });
  }
  return quote;
}
