import type { Client } from "@connectrpc/connect";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import type { Product } from "@sagacart/proto/stock/v1/product";
import type { ProductService } from "@sagacart/proto/stock/v1/product_service";
import type { Quote, Quotes } from "./quote.ts";

/** Quotes products at the prices of now. The answer may hold other products too, and lacks those that do not exist. */
export type Catalogue = (productIds: readonly string[]) => Promise<Quotes>;

/** The catalogue of the stock service. Concurrent questions share calls. */
export function createCatalogue(products: Client<typeof ProductService>): Catalogue {
  const ask = coalesce<readonly string[], Quotes>({
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

/** A title has at most 200 characters of 4 bytes: 2,000 products stay below the size limit of a response. */
const batchSize = 2_000;

function toQuote({ id, sku, title, price, available }: Product): Quote {
  return {
    productId: id,
    sku,
    title,
    currency: price?.currencyCode ?? "",
    priceMinor: price?.minorUnits ?? 0n,
    available,
  };
}
