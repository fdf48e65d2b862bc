import type { Product } from "@sagacart/proto/stock/v1/product";
import type { Clients } from "../services.ts";

type Products = Pick<Clients["products"], "listProducts" | "batchGetProducts">;
type CallOptions = { readonly signal: AbortSignal; readonly timeoutMs: number };

/** The namespace of product ids in Wippy's registry, which its clients see. */
const namespace = "app:";

/** Returns a product's id with its namespace: `app:product.laptop`. */
export function shownId(id: string): string {
  return `${namespace}${id}`;
}

/** Lists up to a thousand products from this page on, oldest first, and the token of the next page if there are more. */
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

/** The Wippy shop lists its whole catalogue; a hundred thousand products would take seconds and megabytes. */
const mostProducts = 1_000;

/** Finds a product by its SKU, else by its id, with or without the prefix `app:`. */
export async function findProduct(
  products: Products,
  name: string,
  options: CallOptions,
): Promise<Product | undefined> {
  const id = ownName(name);
  if (!/^[A-Za-z0-9._~-]{1,63}$/.test(id) || id === "." || id === "..") {
    return undefined;
  }
  const request = { ids: [id], skus: [id], withoutDescriptions: true };
  const found = (await products.batchGetProducts(request, options)).products;
  return found.find(({ sku }) => sku === id) ?? found[0];
}

/** Returns the name of a product without the prefix `app:`. */
export function ownName(name: string): string {
  return name.startsWith(namespace) ? name.slice(namespace.length) : name;
}
