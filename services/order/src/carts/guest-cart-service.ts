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
import { type AnonymousBudget, cartBytes, changeBytes } from "../guests/anonymous-budget.ts";
import { createAddItem } from "./add-item.ts";
import { priceLines } from "./cart.ts";
import { insertGuestCart } from "./cart-insert-store.ts";
import { cartMessage } from "./cart-message.ts";
import type { Catalogue } from "./catalogue.ts";
import { createCheckLines } from "./check-lines.ts";
import { createCartEditor } from "./edit-cart.ts";
import { makeGuestToken } from "./guest-token.ts";
import { loadCart } from "./load-cart.ts";

/**
 * The handlers of GuestCartService; its proto documents them. Anyone may call them, so each requires the token of the
 * cart, and none can reach a customer's cart.
 */
export function createGuestCartService(context: {
  pool: Pool;
  catalogue: Catalogue;
  budget: AnonymousBudget;
}): ServiceImpl<typeof GuestCartService> {
  const { pool, catalogue, budget } = context;
  const addItem = createAddItem(context);
  const editor = createCartEditor(context);
  const checkLines = createCheckLines(catalogue);

  return {
    async createGuestCart({ lines }) {
      const quotes = await catalogue(lines.map(({ productId }) => productId));
      const { token: guestToken, hash: guestTokenHash } = makeGuestToken();
      const id = uuidv7();
      const priced = priceLines(lines, quotes);
      await budget.store(cartBytes(priced.length));
      await insertGuestCart(pool, { id, guestTokenHash, lines: priced });
      const cart = await loadCart(pool, { id, guestToken });
      return create(CreateGuestCartResponseSchema, { cart: cartMessage(cart), guestToken });
    },

    async getGuestCart({ id, guestToken }) {
      const cart = await loadCart(pool, { id, guestToken });
      return create(GetGuestCartResponseSchema, { cart: cartMessage(cart, await checkLines([cart])) });
    },

    async replaceGuestCartLines({ id, guestToken, ...request }) {
      await budget.store(changeBytes(request.lines.length));
      const cart = await editor.replaceLines({ id, guestToken }, request);
      return create(ReplaceGuestCartLinesResponseSchema, { cart: cartMessage(cart) });
    },

    async addGuestCartItem(request) {
      const { id, guestToken, etag, productId, quantity, requestId } = request;
      await budget.store(changeBytes(1, requestId));
      const cart = await addItem({
        ref: { id, guestToken },
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
      await budget.store(changeBytes(0));
      const cart = await editor.removeItem({ id, guestToken }, request);
      return create(RemoveGuestCartItemResponseSchema, { cart: cartMessage(cart) });
    },

    async deleteGuestCart({ id, guestToken, etag }) {
      await editor.deleteCart({ id, guestToken }, { etag });
      return create(DeleteGuestCartResponseSchema);
    },
  };
}
