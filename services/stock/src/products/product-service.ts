import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { decodePageToken, encodePageToken } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import { checkCurrency, invalid } from "@sagacart/chassis/rpc/violation";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Product as ProductMessage } from "@sagacart/proto/stock/v1/product";
import {
  BatchGetProductsResponseSchema,
  BatchPutProductsResponseSchema,
  CreateProductRequestSchema,
  CreateProductResponseSchema,
  DeleteProductResponseSchema,
  GetProductResponseSchema,
  ListProductsResponseSchema,
  type ProductService,
  SearchProductsRequestSchema,
  SearchProductsResponseSchema,
  UpdateProductRequestSchema,
  UpdateProductResponseSchema,
} from "@sagacart/proto/stock/v1/product_service";
import type { Money } from "@sagacart/proto/type/v1/money";
import { setLevel } from "../levels/set-level.ts";
import { productMessage, readTarget } from "../messages.ts";
import { pageOf, readBigint, readId, rowsFor } from "../paging.ts";
import { reasons } from "../reasons.ts";
import { createProduct, deleteProduct, editProduct, setProducts } from "./edit.ts";
import {
  isPicture,
  type Product,
  type ProductContent,
  type PutProduct,
  productNotFound,
  type UpdatablePath,
  updatablePaths,
} from "./product.ts";
import { findProduct, findProducts, listProducts } from "./product-store.ts";
import { searchProducts } from "./search-store.ts";

/** Implements ProductService. */
export function productService(pool: Pool): ServiceImpl<typeof ProductService> {
  return {
    async createProduct(request) {
      const { product: asked, initialOnHand, requestId } = request;
      const fingerprint = fingerprintOf(CreateProductRequestSchema, request, { without: ["request_id"] });
      const { resourceId } = await once(
        pool,
        { scope: "", requestId, method: "CreateProduct", fingerprint },
        async (tx) => {
          const asPut = putProduct(asked);
          const product = { ...asPut, pictureUrl: asPut.pictureUrl ?? "" };
          await createProduct(tx, product, initialOnHand, currentActor());
          return product.id;
        },
      );
      return create(CreateProductResponseSchema, { product: await readProduct(pool, resourceId) });
    },
    async getProduct({ id }) {
      const product = await findProduct(pool, id);
      if (product === undefined || product.deleted) {
        throw productNotFound(id);
      }
      return create(GetProductResponseSchema, { product: productMessage(product) });
    },
    async batchGetProducts(request) {
      const products = (await findProducts(pool, request)).map(productMessage);
      if (request.withoutDescriptions) {
        for (const product of products) {
          product.description = "";
        }
      }
      return create(BatchGetProductsResponseSchema, { products });
    },
    async updateProduct(request) {
      const { product: asked, updateMask, stock, requestId } = request;
      const { id, etag, changes } = readUpdate(asked, updateMask?.paths ?? []);
      const target = stock === undefined ? undefined : readTarget("stock", stock);
      const fingerprint = fingerprintOf(UpdateProductRequestSchema, request, { without: ["request_id"] });
      await once(pool, { scope: "", requestId, method: "UpdateProduct", fingerprint }, async (tx) => {
        await editProduct(tx, { id, etag, changes });
        if (target !== undefined) {
          await setLevel(tx, id, target, currentActor());
        }
        return id;
      });
      return create(UpdateProductResponseSchema, { product: await readProduct(pool, id) });
    },
    async deleteProduct(request) {
      await withTransaction(pool, (tx) => deleteProduct(tx, request));
      return create(DeleteProductResponseSchema);
    },
    async listProducts({ pageSize, pageToken }) {
      const token = decodePageToken(pageToken, "products", ["string"]);
      const rows = await listProducts(pool, { afterId: token && readId(token[0]), limit: rowsFor(pageSize) });
      const { page, last } = pageOf(rows, pageSize, bytesOf);
      return create(ListProductsResponseSchema, {
        products: page.map(productMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.id], "products"),
      });
    },
    async searchProducts(request) {
      const { query, minPrice, maxPrice, pageSize, pageToken } = request;
      checkPrice("min_price", minPrice);
      checkPrice("max_price", maxPrice);
      const asked = fingerprintOf(SearchProductsRequestSchema, request, { without: ["page_size", "page_token"] });
      const list = `search ${Buffer.from(asked).toString("base64url")}`;
      const token = decodePageToken(pageToken, list, ["bigint", "string"]);
      const after = token && { score: readBigint(token[0]), id: readId(token[1]) };
      const rows = await searchProducts(pool, { query, minPrice, maxPrice, after, limit: rowsFor(pageSize) });
      const { page, last } = pageOf(rows, pageSize, ({ product }) => bytesOf(product));
      return create(SearchProductsResponseSchema, {
        products: page.map(({ product }) => productMessage(product)),
        nextPageToken: last === undefined ? "" : encodePageToken([last.score, last.product.id], list),
      });
    },
    async batchPutProducts({ items }) {
      const products = items.map(({ product, onHand }, index) => ({
        product: putProduct(product, `items[${index}].product`),
        onHand,
      }));
      refuseNamedTwice(
        "items",
        products.map(({ product }) => product.id),
      );
      await withTransaction(pool, (tx) => setProducts(tx, products, currentActor()));
      return create(BatchPutProductsResponseSchema, { count: products.length });
    },
  };
}

/** Returns the product as it is now, also if it was deleted meanwhile. Throws PRODUCT_NOT_FOUND. */
export async function readProduct(pool: Pool, id: string): Promise<ProductMessage> {
  const product = await findProduct(pool, id);
  if (product === undefined) {
    throw productNotFound(id);
  }
  return productMessage(product);
}

/** Fills in what a product to put may leave out: its id and its SKU. */
function putProduct(asked: ProductMessage | undefined, at = "product"): PutProduct {
  if (asked?.price === undefined) {
    throw invalid(`${at}.price`, "required", "is required");
  }
  const { title, description, price, pictureUrl } = asked;
  checkCurrency(`${at}.price.currency_code`, price.currencyCode);
  checkPicture(`${at}.picture_url`, pictureUrl);
  const id = asked.id === "" ? uuidv7() : asked.id;
  const sku = asked.sku === "" ? id : asked.sku;
  return { id, sku, title, description, currency: price.currencyCode, priceMinor: price.minorUnits, pictureUrl };
}

type Update = { id: string; etag: string; changes: Partial<ProductContent> };

function readUpdate(asked: ProductMessage | undefined, paths: readonly string[]): Update {
  if (asked === undefined) {
    throw invalid("product", "required", "is required");
  }
  const named = paths.length === 0 ? updatablePaths.filter((path) => isSet(asked, path)) : paths;
  const changes = Object.assign({}, ...named.map((path) => change(asked, path)));
  return { id: asked.id, etag: asked.etag, changes };
}

function isSet(asked: ProductMessage, path: UpdatablePath): boolean {
  switch (path) {
    case "price":
      return asked.price !== undefined;
    case "picture_url":
      return asked.pictureUrl !== undefined;
    default:
      return asked[path] !== "";
  }
}

/** Returns the change for one path of the mask. An empty SKU becomes the id; title and price cannot be removed. */
function change(asked: ProductMessage, path: string): Partial<ProductContent> {
  switch (path) {
    case "sku":
      return { sku: asked.sku === "" ? asked.id : asked.sku };
    case "description":
      return { description: asked.description };
    case "picture_url":
      checkPicture("product.picture_url", asked.pictureUrl);
      return { pictureUrl: asked.pictureUrl ?? "" };
    case "title":
      if (asked.title === "") {
        throw invalid("product.title", "string.min_len", "must not be empty");
      }
      return { title: asked.title };
    case "price":
      if (asked.price === undefined) {
        throw invalid("product.price", "required", "is required, since update_mask names it");
      }
      checkCurrency("product.price.currency_code", asked.price.currencyCode);
      return { currency: asked.price.currencyCode, priceMinor: asked.price.minorUnits };
    default: {
      const message = `update_mask names ${JSON.stringify(path)}; the fields that can be changed are ${updatablePaths.join(", ")}`;
      throw new DomainError(reasons, "UNKNOWN_FIELD", message, { path });
    }
  }
}

function checkPicture(field: string, url = ""): void {
  if (!isPicture(url)) {
    throw invalid(field, "picture_url", "must be an https URL, or a path below /assets/, that needs no resolving");
  }
}

function checkPrice(field: string, price: Money | undefined): void {
  if (price !== undefined) {
    checkCurrency(`${field}.currency_code`, price.currencyCode);
  }
}

function bytesOf({ title, description, pictureUrl }: Product): number {
  return Buffer.byteLength(title) + Buffer.byteLength(description) + pictureUrl.length + 500;
}
