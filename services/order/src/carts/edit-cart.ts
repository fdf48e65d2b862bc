import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type Cart, type CartRef, checkChangeable, type LineInput, removeLine, replaceLines } from "./cart.ts";
import type { Catalogue } from "./catalogue.ts";
import { changeCart } from "./change-cart.ts";

type Etag = { readonly etag: string };

/** The edits that customers' and guests' carts have in common. */
export type CartEditor = {
  /** Replaces all lines, and the name if one is given. */
  replaceLines(ref: CartRef, to: Etag & { lines: readonly LineInput[]; name?: string | undefined }): Promise<Cart>;
  /** Removes a product. Changes nothing if it is not in the cart. */
  removeItem(ref: CartRef, item: Etag & { productId: string }): Promise<Cart>;
  /** Deletes the cart. A repeat changes nothing. */
  deleteCart(ref: CartRef, etag: Etag): Promise<Cart>;
};

export function createCartEditor({ pool, catalogue }: { pool: Pool; catalogue: Catalogue }): CartEditor {
  function change(ref: CartRef, apply: (cart: Cart) => Cart): Promise<Cart> {
    return withTransaction(pool, (tx) => changeCart(tx, { ref, apply }));
  }

  return {
    async replaceLines(ref, { etag, lines, name }) {
      const wanted = lines.filter(({ quantity }) => quantity > 0).map(({ productId }) => productId);
      const quotes = await catalogue(wanted);
      return await change(ref, (cart) => {
        checkChangeable(cart, etag);
        return { ...replaceLines(cart, lines, quotes), name: name ?? cart.name };
      });
    },

    removeItem(ref, { etag, productId }) {
      return change(ref, (cart) => {
        checkChangeable(cart, etag);
        return removeLine(cart, productId);
      });
    },

    deleteCart(ref, { etag }) {
      return change(ref, (cart) => {
        if (cart.state === "DELETED") {
          return cart;
        }
        checkChangeable(cart, etag);
        return { ...cart, state: "DELETED", isDefault: false };
      });
    },
  };
}
