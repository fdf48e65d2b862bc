import { shorten } from "@sagacart/chassis/shorten";
import type { CartLine } from "@sagacart/proto/order/v1/cart";
import type { OrderLine } from "@sagacart/proto/order/v1/order";
import type { Money } from "@sagacart/proto/type/v1/money";
import { callerLeft } from "@sagacart/rest/caller-left";
import { readJsonBodies } from "@sagacart/rest/json-body";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";
import { fields, listOf, number, text, whole } from "../openapi/answers.ts";
import { serveSurfaceDocument } from "../openapi/surface-document.ts";
import { givenKey, keyOf } from "../request-key.ts";
import type { Clients } from "../services.ts";
import { addToCart, currentCart, removeFromCart } from "./carts.ts";
import { checkOut } from "./checkout.ts";
import { price } from "./price.ts";
import { findProduct, listProducts, shownId } from "./products.ts";

export type WippyOptions = {
  readonly clients: Clients;
  readonly currency: string;
  /** The payment method of checkouts, since users have no money; empty for their account's balance. */
  readonly paymentMethod: string;
};

/**
 * Serves the REST of the example shop of Wippy, an actor runtime for Lua: a list of products, and one cart for each user.
 * Users need not be registered. Prices are JSON numbers with the decimals of their currency. A checkout runs the whole saga.
 */
export async function wippy(app: FastifyInstance, options: WippyOptions): Promise<void> {
  const { clients } = options;
  const { currency, paymentMethod } = options;
  await serveSurfaceDocument(app, {
    title: "Sagacart: the surface of the Wippy shop",
    description: "Products, and a cart for each user. Prices are numbers with the decimals of their currency.",
    url: "/openapi/wippy.json",
    token: false,
  });
  // The Wippy shop ignores content types.
  readJsonBodies(app, { anyType: true });
  const priceOf = (money: Money | undefined) => price(money ?? { currencyCode: currency, minorUnits: 0n });
  const itemOf = ({ sku, title, unitPrice, quantity }: CartLine | OrderLine) => ({
    sku,
    title,
    price: priceOf(unitPrice),
    quantity,
  });

  app.get<{ Querystring: { page_token?: string } }>(
    "/api/products",
    {
      config: { answers: { 200: productList } },
      schema: { summary: "List the products, oldest first: a thousand, and where the rest begins", querystring },
    },
    async ({ query }, reply) => {
      const within = { signal: callerLeft(reply), timeoutMs };
      const { products, nextPageToken } = await listProducts(clients.products, query.page_token ?? "", within);
      return {
        products: products.map(({ id, title, sku, price: money, available }) => ({
          id: shownId(id),
          title,
          sku,
          price: priceOf(money),
          stock: available,
        })),
        ...(nextPageToken === "" ? {} : { next_page_token: nextPageToken }),
      };
    },
  );

  app.post<{ Params: User; Body: { sku: string; quantity?: number } }>(
    "/api/cart/:user_id/items",
    {
      config: { answers: { 200: added } },
      schema: { summary: "Add to the user's cart, by SKU or id; the first one makes the cart", params, body: item },
    },
    async (request, reply) => {
      const customerId = request.params.user_id;
      const { sku, quantity = 1 } = request.body;
      const within = { signal: callerLeft(reply), timeoutMs };
      const product = await findProduct(clients.products, sku, within);
      if (product === undefined) {
        const shown = shorten(sku, 200);
        throw new EdgeError("PRODUCT_NOT_FOUND", `there is no product ${shown}`, { metadata: { sku: shown } });
      }
      const addition = { customerId, productId: product.id, quantity, requestId: keyOf(request) };
      await addToCart(clients, addition, { ...within, currency });
      return {
        status: "added",
        user_id: customerId,
        item: { sku: product.sku, title: product.title, price: priceOf(product.price), quantity },
      };
    },
  );

  app.get<{ Params: User }>(
    "/api/cart/:user_id",
    {
      config: { answers: { 200: shownCart } },
      schema: { summary: "Tell what is in the user's cart, and what it costs", params },
    },
    async ({ params: { user_id } }, reply) => {
      const cart = await currentCart(clients, user_id, { signal: callerLeft(reply), timeoutMs });
      return {
        user_id,
        items: (cart?.lines ?? []).map(itemOf),
        total: priceOf(cart?.total),
        ...(cart === undefined ? { message: "Cart is empty (no active session)" } : {}),
      };
    },
  );

  app.delete<{ Params: User & { sku: string } }>(
    "/api/cart/:user_id/items/:sku",
    {
      config: { answers: { 200: removed } },
      schema: {
        summary: "Remove from the user's cart, by SKU or id; also what is no longer sold",
        params: userAndSku,
      },
    },
    async ({ params: { user_id: customerId, sku } }, reply) => {
      const line = await removeFromCart(clients, { customerId, name: sku }, { signal: callerLeft(reply), timeoutMs });
      return { status: "removed", user_id: customerId, item: itemOf(line) };
    },
  );

  app.post<{ Params: User }>(
    "/api/cart/:user_id/checkout",
    {
      config: { answers: { 200: checkedOut } },
      schema: { summary: "Buy what is in the user's cart; the cart is gone afterwards", params },
    },
    async (request, reply) => {
      const customerId = request.params.user_id;
      const asked = { customerId, paymentMethod, key: givenKey(request) };
      const order = await checkOut(clients, asked, callerLeft(reply));
      return {
        status: "checked_out",
        order: {
          id: order.id,
          user_id: customerId,
          items: order.lines.map(itemOf),
          total: priceOf(order.total),
          timestamp: Number(order.updateTime?.seconds ?? 0n),
        },
      };
    },
  );
}

type User = { readonly user_id: string };

/** The Wippy shop's own timeout for a cart. */
const timeoutMs = 3_000;

const params = {
  type: "object",
  required: ["user_id"],
  properties: { user_id: { type: "string", pattern: "^[A-Za-z0-9._~-]{1,63}$" } },
} as const;

const userAndSku = {
  type: "object",
  required: ["user_id", "sku"],
  properties: { ...params.properties, sku: { type: "string", minLength: 1, description: "As it was added." } },
} as const;

const querystring = {
  type: "object",
  properties: {
    page_token: { type: "string", maxLength: 1_000, description: "The next_page_token of the answer before." },
  },
} as const;

/** Unknown fields are ignored, as in the Wippy shop. */
const item = {
  type: "object",
  required: ["sku"],
  properties: {
    sku: { type: "string", minLength: 1, description: "A SKU or a product's id, with or without the prefix `app:`." },
    quantity: { type: "integer", minimum: 1, maximum: 1_000_000, description: "How many; one if absent." },
  },
} as const;

const shownProduct = fields({ id: text, title: text, sku: text, price: number, stock: whole });
const productList = fields({ products: listOf(shownProduct), next_page_token: text }, ["next_page_token"]);
const shownItem = fields({ sku: text, title: text, price: number, quantity: whole });
const added = fields({ status: { const: "added" }, user_id: text, item: shownItem });
const removed = fields({ status: { const: "removed" }, user_id: text, item: shownItem });
const shownCart = fields({ user_id: text, items: listOf(shownItem), total: number, message: text }, ["message"]);
const checkedOut = fields({
  status: { const: "checked_out" },
  order: fields({ id: text, user_id: text, items: listOf(shownItem), total: number, timestamp: whole }),
});
