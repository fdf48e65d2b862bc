import type { Client } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import type { Product } from "@sagacart/proto/stock/v1/product";
import type { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { reasons } from "../reasons.ts";

/** A product as it was quoted. */
export type Quote = {
  readonly productId: string;
  readonly sku: string;
  readonly title: string;
  readonly currency: string;
  readonly priceMinor: bigint;
};

/** Asks what products cost now. Products that do not exist are not in the answer. */
export type Catalogue = (productIds: readonly string[]) => Promise<ReadonlyMap<string, Quote>>;

/** The stock service's catalogue. Questions that come while others are under way are asked together. */
export function createCatalogue(products: Client<typeof ProductService>): Catalogue {
  const ask = coalesce<readonly string[], ReadonlyMap<string, Quote>>({
    name: "quote products",
    maxItems: 100,
    maxConcurrent: 4,
    async run(questions) {
      const quotes = new Map<string, Quote>();
      const ids = [...new Set(questions.flat())];
      for (let start = 0; start < ids.length; start += batchSize) {
        const response = await products.batchGetProducts({
          ids: ids.slice(start, start + batchSize),
          withoutDescriptions: true,
        });
        for (const product of response.products) {
          quotes.set(product.id, toQuote(product));
        }
      }
      return questions.map(() => quotes);
    },
  });
  return (productIds) => (productIds.length === 0 ? Promise.resolve(new Map()) : ask(productIds));
}

/** The quote of a product, or PRODUCT_NOT_FOUND. */
export function quoteOf(quotes: ReadonlyMap<string, Quote>, productId: string): Quote {
  const quote = quotes.get(productId);
  if (quote === undefined) {
    throw new DomainError(reasons, "PRODUCT_NOT_FOUND", `there is no product ${productId}`, { product_id: productId });
  }
  return quote;
}

/** Titles may have 200 letters of four bytes: 2,000 products are below the limit of an answer. */
const batchSize = 2_000;

function toQuote({ id, sku, title, price }: Product): Quote {
  return {
    productId: id,
    sku,
    title,
    currency: price?.currencyCode ?? "",
    priceMinor: price?.minorUnits ?? 0n,
  };
}
