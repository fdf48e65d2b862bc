import type { Product } from "@sagacart/proto/stock/v1/product";
import { Reservation_Kind } from "@sagacart/proto/stock/v1/reservation";
import { invalidRequest } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";
import { keyOf } from "../request-key.ts";
import type { Clients } from "../services.ts";
import * as answer from "./answers.ts";
import * as body from "./bodies.ts";
import { productOf } from "./views.ts";

/** Serves the shop's product service: the catalogue, search, and stock reserved by hand. */
export function products(app: FastifyInstance, { clients, currency }: { clients: Clients; currency: string }): void {
  const { products: catalogue, stock } = clients;
  const moneyOf = (field: string, given: body.NumberOrText) => body.moneyOf(field, given, currency);

  app.get<{ Querystring: body.Page }>(
    "/api/v1/products",
    {
      config: { answers: { 200: answer.products } },
      schema: { summary: "List products, oldest first", querystring: body.productList },
    },
    async ({ query }, reply) => {
      const pageSize = query.limit === undefined ? 0 : body.wholeOf("limit", query.limit, { from: 1, to: 100_000 });
      if (pageSize === 0 && query.cursor === undefined) {
        return (await allProducts()).map(productOf);
      }
      const { products, nextPageToken } = await catalogue.listProducts({ pageSize, pageToken: query.cursor ?? "" });
      if (nextPageToken !== "") {
        const next = new URLSearchParams({ limit: String(pageSize), cursor: nextPageToken });
        reply.header("link", `</api/v1/products?${next}>; rel="next"`);
      }
      return products.map(productOf);
    },
  );

  /** Without `limit` the list is not paged, but still limited. */
  async function allProducts(): Promise<Product[]> {
    const all: Product[] = [];
    let pageToken = "";
    do {
      const page = await catalogue.listProducts({ pageSize: 200, pageToken });
      all.push(...page.products);
      pageToken = page.nextPageToken;
    } while (pageToken !== "" && all.length < mostListed);
    return all;
  }

  app.get<{ Querystring: body.Search }>(
    "/api/v1/products/search",
    {
      config: { answers: { 200: answer.products } },
      schema: { summary: "Find products by words and price; the best match first", querystring: body.search },
    },
    async ({ query: { q = "", minPrice, maxPrice } }) => {
      const found = await catalogue.searchProducts({
        query: q,
        ...(minPrice === undefined ? {} : { minPrice: moneyOf("minPrice", minPrice) }),
        ...(maxPrice === undefined ? {} : { maxPrice: moneyOf("maxPrice", maxPrice) }),
        pageSize: 200,
      });
      return found.products.map(productOf);
    },
  );

  app.get<{ Params: { id: string } }>(
    "/api/v1/products/:id",
    { config: { answers: { 200: answer.product } }, schema: { summary: "Get a product", params: body.id } },
    async ({ params }) => productOf(await theProduct(params.id)),
  );

  async function theProduct(id: string): Promise<Product> {
    const { product } = await catalogue.getProduct({ id });
    if (product === undefined) {
      throw new Error(`the stock service answered without product ${id}`);
    }
    return product;
  }

  app.post<{ Body: body.NewProduct }>(
    "/api/v1/products",
    {
      config: { answers: { 201: answer.made } },
      schema: { summary: "Make a product", body: body.newProduct, headers: body.idempotencyKey },
    },
    async (request, reply) => {
      const { name, price, stock: initial, description } = request.body;
      const { product } = await catalogue.createProduct({
        product: { title: name.trim(), description: description ?? "", price: moneyOf("price", price) },
        initialOnHand: body.stockOf(initial),
        requestId: keyOf(request),
      });
      return reply.code(201).send({ id: product?.id });
    },
  );

  app.put<{ Params: { id: string }; Body: body.ProductChange }>(
    "/api/v1/products/:id",
    {
      config: { answers: { 200: answer.updated } },
      schema: {
        summary: "Change a product: the fields that are given, all or nothing",
        params: body.id,
        body: body.productChange,
        headers: body.idempotencyKey,
      },
    },
    async (request) => {
      const { id } = request.params;
      const { name, price, description, stock: wanted } = request.body;
      const paths = [
        ...(name === undefined ? [] : ["title"]),
        ...(price === undefined ? [] : ["price"]),
        ...(description === undefined ? [] : ["description"]),
      ];
      const left = wanted === undefined ? undefined : body.stockOf(wanted);
      if (paths.length === 0 && left === undefined) {
        throw invalidRequest([{ field: "", rule: "required", message: "there is nothing to change" }]);
      }
      // One call, so that it is all or nothing, and so that an absolute stock is not made from a difference to what was read.
      await catalogue.updateProduct({
        product: {
          id,
          ...(name === undefined ? {} : { title: name.trim() }),
          ...(price === undefined ? {} : { price: moneyOf("price", price) }),
          ...(description === undefined ? {} : { description: description ?? "" }),
        },
        updateMask: { paths },
        ...(left === undefined
          ? {}
          : { stock: { level: { case: "available", value: left }, reference: "set by hand" } }),
        requestId: keyOf(request),
      });
      return { updated: true };
    },
  );

  app.delete<{ Params: { id: string } }>(
    "/api/v1/products/:id",
    {
      config: { answers: { 200: answer.deleted } },
      schema: { summary: "Take a product out of the catalogue", params: body.id },
    },
    async ({ params: { id } }) => {
      // In the contract, deleting again succeeds; here it is 404.
      await theProduct(id);
      // Stock that was set aside by hand is no reason to keep it, as in the Flask services; an order's is.
      await catalogue.deleteProduct({ id, releaseManual: true });
      return { deleted: true };
    },
  );

  app.post<{ Params: { id: string }; Body: body.Quantity }>(
    "/api/v1/products/:id/reserve",
    {
      config: { answers: { 200: answer.reserved } },
      schema: {
        summary: "Set some of a product aside by hand",
        params: body.id,
        body: body.quantity,
        headers: body.idempotencyKey,
      },
    },
    async (request) => {
      const { id } = request.params;
      const reserved = body.quantityOf("quantity", request.body.quantity);
      const { products } = await stock.reserveStock({
        kind: Reservation_Kind.MANUAL,
        lines: [{ productId: id, quantity: reserved }],
        requestId: keyOf(request),
      });
      return { reserved, stock: (products[0] ?? (await theProduct(id))).available };
    },
  );

  app.post<{ Params: { id: string }; Body: body.Quantity }>(
    "/api/v1/products/:id/release",
    {
      config: { answers: { 200: answer.released } },
      schema: {
        summary: "Give back what was set aside by hand",
        params: body.id,
        body: body.quantity,
        headers: body.idempotencyKey,
      },
    },
    async (request) => {
      const released = body.quantityOf("quantity", request.body.quantity);
      const asked = { productId: request.params.id, quantity: released, requestId: keyOf(request) };
      const { product } = await stock.releaseManually(asked);
      return { released, stock: product?.available ?? 0 };
    },
  );
}

/** For more, callers use pages. */
const mostListed = 10_000;
