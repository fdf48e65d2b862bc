import { coalesce } from "@sagacart/chassis/coalesce";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres";
import { fingerprintOf, once } from "@sagacart/chassis/requests";
import { type AddCartItemRequest, AddCartItemRequestSchema } from "@sagacart/proto/order/v1/cart_service";
import { addLine, type Cart, checkChangeable, checkOwner } from "./cart.ts";
import { type CartChange, changeCart, changeCarts } from "./cart-change.ts";
import { loadCarts } from "./cart-store.ts";
import type { Catalogue, Quote } from "./catalogue.ts";

/**
 * Adds a product to a cart. Those that come while others are being added are added together: one question to the
 * catalogue and one transaction for all of them. A request id is remembered, so each of those has its own.
 */
export function createAddItem(options: {
  pool: Pool;
  catalogue: Catalogue;
}): (request: AddCartItemRequest) => Promise<Cart> {
  const { pool, catalogue } = options;
  const addTogether = coalesce<AddCartItemRequest, Cart>({
    maxItems: 250,
    maxConcurrent: 2,
    async run(requests) {
      const quotes = await catalogue([...new Set(requests.map(({ productId }) => productId))]);
      const changes = requests.map((request) => addition(request, quotes));
      return await withTransaction(pool, (tx) => changeCarts(tx, changes));
    },
  });
  return (request) => (request.requestId === "" ? addTogether(request) : addOnce(options, request));
}

async function addOnce(
  { pool, catalogue }: { pool: Pool; catalogue: Catalogue },
  request: AddCartItemRequest,
): Promise<Cart> {
  const { id, requestId } = request;
  const scope = request.customerId || (await scopeOf(pool, request));
  const quotes = await catalogue([request.productId]);
  const fingerprint = fingerprintOf(AddCartItemRequestSchema, request, { without: ["request_id"] });
  let added: Cart | undefined;
  const { replayed } = await once(pool, { scope, requestId, method: "AddCartItem", fingerprint }, async (tx) => {
    added = await changeCart(tx, addition(request, quotes));
    return id;
  });
  return replayed || added === undefined ? await load(pool, request) : added;
}

/** Whose request ids those of an unnamed caller are: the customer's whose cart it is, or those of a guest's cart. */
async function scopeOf(pool: Pool, request: AddCartItemRequest): Promise<string> {
  const cart = await load(pool, request);
  return cart.customerId || `guest ${request.id}`;
}

function addition(request: AddCartItemRequest, quotes: Quotes): CartChange {
  const { id, customerId, guestToken, etag, productId, quantity } = request;
  return {
    id,
    customerId,
    guestToken,
    apply(cart) {
      checkChangeable(cart, etag);
      return addLine(cart, { productId, quantity: quantity || 1 }, quotes);
    },
  };
}

type Quotes = ReadonlyMap<string, Quote>;

async function load(pool: Pool, { id, customerId, guestToken }: AddCartItemRequest): Promise<Cart> {
  const cart = (await loadCarts(pool, [id])).get(id);
  checkOwner(cart, { id, customerId, guestToken });
  return cart;
}
