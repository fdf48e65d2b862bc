import type { Product } from "@sagacart/proto/stock/v1/product";
import type { Clients } from "../services.ts";

type Products = Pick<Clients["products"], "listProducts" | "batchGetProducts">;
type CallOptions = { readonly signal: AbortSignal; readonly timeoutMs: number };

/** The ids that the Wippy shop's clients see are those of its registry. */
const namespace = "app:";

/** A product's id as this surface shows it: `app:product.laptop`. */
export function shownId(id: string): string {
  return `${namespace}${id}`;
}

/** The products from this page on, oldest first, a thousand at most; and where the rest begins, if there is more. */
export async function listProducts(
  products: Products,
  from: string,
  options: CallOptions,
): Promise<{ products: Product[]; nextPageToken: string }> {
  const found: Product[] = [];
  let pageToken = from;
  do {
    const page = await products.listProducts({ pageSize: 200, pageToken }, options);
    found.push(...page.products);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < mostProducts);
  return { products: found, nextPageToken: pageToken };
}

/** The Wippy shop lists its whole catalogue; with a hundred thousand products that takes seconds, and megabytes. */
const mostProducts = 1_000;

/** The product with this SKU, or else with this id, with `app:` before it or without. */
export async function findProduct(
  products: Products,
  name: string,
  options: CallOptions,
): Promise<Product | undefined> {
  const id = name.startsWith(namespace) ? name.slice(namespace.length) : name;
  if (!/^[A-Za-z0-9._~-]{1,63}$/.test(id) || id === "." || id === "..") {
    return undefined;
  }
  const request = { ids: [id], skus: [id], withoutDescriptions: true };
  const found = (await products.batchGetProducts(request, options)).products;
  return found.find(({ sku }) => sku === id) ?? found[0];
}
