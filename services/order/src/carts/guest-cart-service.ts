import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  AddGuestCartItemRequestSchema,
  AddGuestCartItemResponseSchema,
  CreateGuestCartResponseSchema,
  DeleteGuestCartResponseSchema,
  GetGuestCartResponseSchema,
  type GuestCartService,
  RemoveGuestCartItemResponseSchema,
  ReplaceGuestCartLinesResponseSchema,
} from "@sagacart/proto/order/v1/guest_cart_service";
import { createAddItem } from "./add-item.ts";
import { type AskedFor, type Cart, checkOwner, priceLines } from "./cart.ts";
import { insertGuestCart } from "./cart-insert-store.ts";
import { cartMessage } from "./cart-message.ts";
import { loadCarts } from "./cart-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { createChanges } from "./edit-cart.ts";
import { makeGuestToken } from "./guest-token.ts";

/**
 * The handlers of GuestCartService: the promises are in its proto. Anybody may call them, so none does anything without
 * the token of the cart, and none sees a customer's cart.
 */
export function createGuestCartService(context: {
  pool: Pool;
  catalogue: Catalogue;
}): ServiceImpl<typeof GuestCartService> {
  const { pool, catalogue } = context;
  const addItem = createAddItem(context);
  const changes = createChanges(context);

  async function load(asked: AskedFor): Promise<Cart> {
    const cart = (await loadCarts(pool, [asked.id])).get(asked.id);
    checkOwner(cart, asked);
    return cart;
  }

  return {
    async createGuestCart({ lines }) {
      const quotes = await catalogue(lines.map(({ productId }) => productId));
      const { token: guestToken, hash: guestTokenHash } = makeGuestToken();
      const id = uuidv7();
      await insertGuestCart(pool, { id, guestTokenHash, lines: priceLines(lines, quotes) });
      return create(CreateGuestCartResponseSchema, { cart: cartMessage(await load({ id, guestToken })), guestToken });
    },

    async getGuestCart({ id, guestToken }) {
      return create(GetGuestCartResponseSchema, { cart: cartMessage(await load({ id, guestToken })) });
    },

    async replaceGuestCartLines({ id, guestToken, ...request }) {
      const cart = await changes.replace({ id, guestToken }, request);
      return create(ReplaceGuestCartLinesResponseSchema, { cart: cartMessage(cart) });
    },

    async addGuestCartItem(request) {
      const { id, guestToken, etag, productId, quantity, requestId } = request;
      const cart = await addItem({
        to: { id, guestToken },
        etag,
        productId,
        quantity,
        requestId,
        method: "AddGuestCartItem",
        fingerprint: () => fingerprintOf(AddGuestCartItemRequestSchema, request, { without: ["request_id"] }),
      });
      return create(AddGuestCartItemResponseSchema, { cart: cartMessage(cart) });
    },

    async removeGuestCartItem({ id, guestToken, ...request }) {
      const cart = await changes.remove({ id, guestToken }, request);
      return create(RemoveGuestCartItemResponseSchema, { cart: cartMessage(cart) });
    },

    async deleteGuestCart({ id, guestToken, etag }) {
      await changes.throwAway({ id, guestToken }, { etag });
      return create(DeleteGuestCartResponseSchema);
    },
  };
}
