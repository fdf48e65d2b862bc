import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf } from "@sagacart/chassis/postgres/request-ids";
import { MergedLineSchema } from "@sagacart/proto/order/v1/cart";
import {
  AddCartItemRequestSchema,
  AddCartItemResponseSchema,
  BatchPutCartsResponseSchema,
  type CartService,
  CreateCartResponseSchema,
  DeleteCartResponseSchema,
  DuplicateCartResponseSchema,
  GetCartResponseSchema,
  GetDefaultCartResponseSchema,
  ListCartsResponseSchema,
  MergeCartsResponseSchema,
  RemoveCartItemResponseSchema,
  ReplaceCartLinesResponseSchema,
  UpdateCartResponseSchema,
} from "@sagacart/proto/order/v1/cart_service";
import { reasons } from "../reasons.ts";
import { readTimeKey, writeTimeKey } from "../time-key.ts";
import { createAddItem } from "./add-item.ts";
import { type Cart, type CartState, checkingOut, priceLines } from "./cart.ts";
import { putCarts } from "./cart-insert-store.ts";
import { cartMessage, cartStateFromProto, leftOutMessage } from "./cart-message.ts";
import { listCarts } from "./cart-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { createCheckLines } from "./check-lines.ts";
import { createCart } from "./create-cart.ts";
import { getDefaultCart, updateCart } from "./default-cart.ts";
import { duplicateCart } from "./duplicate-cart.ts";
import { createCartEditor } from "./edit-cart.ts";
import { loadCart } from "./load-cart.ts";
import { mergeCarts } from "./merge-carts.ts";

export type CartServiceOptions = { pool: Pool; catalogue: Catalogue };

/** The handlers of CartService; its proto documents them. */
export function createCartService({ pool, catalogue }: CartServiceOptions): ServiceImpl<typeof CartService> {
  const addItem = createAddItem({ pool, catalogue });
  const editor = createCartEditor({ pool, catalogue });
  const checkLines = createCheckLines(catalogue);

  /** Puts a cart that is read on the wire, with what has become of its lines unless the caller leaves it out. */
  async function readMessage(cart: Cart, { withoutAvailability }: { withoutAvailability: boolean }) {
    return cartMessage(cart, withoutAvailability ? undefined : await checkLines([cart]));
  }

  return {
    async createCart(request) {
      const cart = await createCart({ pool, catalogue }, request);
      return create(CreateCartResponseSchema, { cart: cartMessage(cart) });
    },

    async getCart({ id, customerId, ...view }) {
      const cart = await loadCart(pool, { id, customerId });
      return create(GetCartResponseSchema, { cart: await readMessage(cart, view) });
    },

    async getDefaultCart({ customerId, ...view }) {
      const cart = await getDefaultCart(pool, customerId);
      return create(GetDefaultCartResponseSchema, { cart: await readMessage(cart, view) });
    },

    async listCarts({ customerId, nameContains, ...request }) {
      const requested = request.states.map(cartStateFromProto).filter((state) => state !== undefined);
      const states = requested.length === 0 ? defaultStates : [...new Set(requested)].sort();
      const of = `carts ${customerId} ${states.join()} ${nameContains.toLowerCase()}`;
      const after = readTimeKey(request.pageToken, of);
      const limit = pageSize(request.pageSize);
      const { carts, more } = await listCarts(pool, { customerId, states, nameContains, after, limit });
      const quotes = request.withoutAvailability ? undefined : await checkLines(carts);
      return create(ListCartsResponseSchema, {
        carts: carts.map((cart) => cartMessage(cart, quotes)),
        nextPageToken: more === undefined ? "" : writeTimeKey(more, of),
      });
    },

    async updateCart(request) {
      const cart = await updateCart(pool, request);
      return create(UpdateCartResponseSchema, { cart: cartMessage(cart) });
    },

    async replaceCartLines({ id, customerId, ...request }) {
      const cart = await editor.replaceLines({ id, customerId }, request);
      return create(ReplaceCartLinesResponseSchema, { cart: cartMessage(cart) });
    },

    async addCartItem(request) {
      const { id, customerId, etag, productId, quantity, requestId } = request;
      const cart = await addItem({
        ref: { id, customerId },
        etag,
        productId,
        quantity,
        requestId,
        method: "AddCartItem",
        fingerprint: () => fingerprintOf(AddCartItemRequestSchema, request, { without: ["request_id"] }),
      });
      return create(AddCartItemResponseSchema, { cart: cartMessage(cart) });
    },

    async removeCartItem({ id, customerId, ...request }) {
      const cart = await editor.removeItem({ id, customerId }, request);
      return create(RemoveCartItemResponseSchema, { cart: cartMessage(cart) });
    },

    async deleteCart({ id, customerId, etag }) {
      await editor.deleteCart({ id, customerId }, { etag });
      return create(DeleteCartResponseSchema);
    },

    async duplicateCart(request) {
      const { cart, leftOut } = await duplicateCart({ pool, catalogue }, request);
      return create(DuplicateCartResponseSchema, { cart: cartMessage(cart), leftOut: leftOut.map(leftOutMessage) });
    },

    async mergeCarts(request) {
      const { cart, lines, leftOut } = await mergeCarts({ pool, catalogue }, request);
      return create(MergeCartsResponseSchema, {
        cart: cartMessage(cart),
        lines: lines.map((line) => create(MergedLineSchema, line)),
        leftOut: leftOut.map(leftOutMessage),
      });
    },

    async batchPutCarts({ items }) {
      checkNamedOnce(items);
      const wanted = items.flatMap(({ lines }) => lines.map(({ productId }) => productId));
      const quotes = await catalogue([...new Set(wanted)]);
      const carts = items.map(({ id, customerId, lines }) => {
        return { id, customerId, name: "", lines: priceLines(lines, quotes) };
      });
      await withTransaction(pool, async (tx) => {
        const [busyId] = await putCarts(tx, carts);
        if (busyId !== undefined) {
          throw checkingOut(busyId, undefined);
        }
      });
      return create(BatchPutCartsResponseSchema, { count: carts.length });
    },
  };
}

/** The states that are listed unless the request names others. */
const defaultStates: readonly CartState[] = ["CHECKING_OUT", "OPEN"];

/** This is not a rule in the proto, since CEL takes 250 ms for 4,000 items and overflows the stack for 5,000. */
function checkNamedOnce(items: readonly { readonly id: string }[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (seen.has(id)) {
      const message = `cart ${id} is named twice; name each cart once`;
      throw new DomainError(reasons, "CART_NAMED_TWICE", message, { cart_id: id });
    }
    seen.add(id);
  }
}
