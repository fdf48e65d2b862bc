import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { pageSize } from "@sagacart/chassis/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres";
import { MergedLineSchema } from "@sagacart/proto/order/v1/cart";
import {
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
import { createAddItem } from "./add-item.ts";
import {
  type Cart,
  type CartState,
  checkChangeable,
  checkingOut,
  checkOwner,
  priceLines,
  removeLine,
  replaceLines,
} from "./cart.ts";
import { type CartChange, changeCart } from "./cart-change.ts";
import { putCarts } from "./cart-insert-store.ts";
import { cartMessage, cartStateFromProto } from "./cart-message.ts";
import { listCarts, loadCarts } from "./cart-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { createCart } from "./create-cart.ts";
import { getDefaultCart, updateCart } from "./default-cart.ts";
import { duplicateCart } from "./duplicate-cart.ts";
import { createGuestCart } from "./guest-cart.ts";
import { leftOutMessage } from "./left-out.ts";
import { mergeCarts } from "./merge-carts.ts";
import { reasons } from "./reasons.ts";
import { readTimeKey, writeTimeKey } from "./time-key.ts";

export type CartServiceOptions = { pool: Pool; catalogue: Catalogue };

/** The handlers of CartService: the promises are in its proto. */
export function createCartService({ pool, catalogue }: CartServiceOptions): ServiceImpl<typeof CartService> {
  const addItem = createAddItem({ pool, catalogue });

  function change(cartChange: CartChange): Promise<Cart> {
    return withTransaction(pool, (tx) => changeCart(tx, cartChange));
  }

  return {
    async createCart(request) {
      if (request.guest) {
        const { cart, guestToken } = await createGuestCart({ pool, catalogue }, request);
        return create(CreateCartResponseSchema, { cart: cartMessage(cart), guestToken });
      }
      const cart = await createCart({ pool, catalogue }, request);
      return create(CreateCartResponseSchema, { cart: cartMessage(cart) });
    },

    async getCart(request) {
      const cart = (await loadCarts(pool, [request.id])).get(request.id);
      checkOwner(cart, request);
      return create(GetCartResponseSchema, { cart: cartMessage(cart) });
    },

    async getDefaultCart({ customerId }) {
      const cart = await getDefaultCart(pool, customerId);
      return create(GetDefaultCartResponseSchema, { cart: cartMessage(cart) });
    },

    async listCarts({ customerId, nameContains, ...request }) {
      const asked = request.states.map(cartStateFromProto).filter((state) => state !== undefined);
      const states = asked.length === 0 ? liveStates : [...new Set(asked)].sort();
      const of = `carts ${customerId} ${states.join()} ${nameContains}`;
      const after = readTimeKey(request.pageToken, of);
      const limit = pageSize(request.pageSize);
      const { carts, more } = await listCarts(pool, { customerId, states, nameContains, after, limit });
      return create(ListCartsResponseSchema, {
        carts: carts.map(cartMessage),
        nextPageToken: more === undefined ? "" : writeTimeKey(more, of),
      });
    },

    async updateCart(request) {
      const cart = await updateCart(pool, request);
      return create(UpdateCartResponseSchema, { cart: cartMessage(cart) });
    },

    async replaceCartLines({ id, customerId, guestToken, etag, name, lines }) {
      const wanted = lines.filter(({ quantity }) => quantity > 0).map(({ productId }) => productId);
      const quotes = await catalogue(wanted);
      const cart = await change({
        id,
        customerId,
        guestToken,
        apply(cart) {
          checkChangeable(cart, etag);
          return { ...replaceLines(cart, lines, quotes), name: name ?? cart.name };
        },
      });
      return create(ReplaceCartLinesResponseSchema, { cart: cartMessage(cart) });
    },

    async addCartItem(request) {
      return create(AddCartItemResponseSchema, { cart: cartMessage(await addItem(request)) });
    },

    async removeCartItem({ id, customerId, guestToken, etag, productId }) {
      const cart = await change({
        id,
        customerId,
        guestToken,
        apply(cart) {
          checkChangeable(cart, etag);
          return removeLine(cart, productId);
        },
      });
      return create(RemoveCartItemResponseSchema, { cart: cartMessage(cart) });
    },

    async deleteCart({ id, customerId, guestToken, etag }) {
      await change({
        id,
        customerId,
        guestToken,
        apply(cart) {
          if (cart.state === "DELETED") {
            return cart;
          }
          checkChangeable(cart, etag);
          return { ...cart, state: "DELETED", isDefault: false };
        },
      });
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

const liveStates: readonly CartState[] = ["CHECKING_OUT", "OPEN"];

/** Not a rule in the proto: in CEL it takes a quarter of a second for 4,000 and overflows the stack for 5,000. */
function checkNamedOnce(items: readonly { readonly id: string }[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (seen.has(id)) {
      const message = `cart ${id} is named twice; put each once`;
      throw new DomainError(reasons, "CART_NAMED_TWICE", message, { cart_id: id });
    }
    seen.add(id);
  }
}
