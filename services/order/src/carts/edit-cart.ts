import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type AskedFor, type Cart, checkChangeable, type LineInput, removeLine, replaceLines } from "./cart.ts";
import type { Catalogue } from "./catalogue.ts";
import { changeCart } from "./change-cart.ts";

type Etag = { readonly etag: string };

/** Changes of a cart, a customer's or a guest's, that are made one at a time. */
export type Changes = {
  /** Puts lines in the place of all there are, and a name if one is given. */
  replace(of: AskedFor, to: Etag & { lines: readonly LineInput[]; name?: string | undefined }): Promise<Cart>;
  /** Takes a product out; the cart stays as it is when it is not in it. */
  remove(of: AskedFor, what: Etag & { productId: string }): Promise<Cart>;
  /** Throws the cart away; once more does nothing. */
  throwAway(of: AskedFor, etag: Etag): Promise<Cart>;
};

export function createChanges({ pool, catalogue }: { pool: Pool; catalogue: Catalogue }): Changes {
  function change(of: AskedFor, apply: (cart: Cart) => Cart): Promise<Cart> {
    return withTransaction(pool, (tx) => changeCart(tx, { of, apply }));
  }

  return {
    async replace(of, { etag, lines, name }) {
      const wanted = lines.filter(({ quantity }) => quantity > 0).map(({ productId }) => productId);
      const quotes = await catalogue(wanted);
      return await change(of, (cart) => {
        checkChangeable(cart, etag);
        return { ...replaceLines(cart, lines, quotes), name: name ?? cart.name };
      });
    },

    remove(of, { etag, productId }) {
      return change(of, (cart) => {
        checkChangeable(cart, etag);
        return removeLine(cart, productId);
      });
    },

    throwAway(of, { etag }) {
      return change(of, (cart) => {
        if (cart.state === "DELETED") {
          return cart;
        }
        checkChangeable(cart, etag);
        return { ...cart, state: "DELETED", isDefault: false };
      });
    },
  };
}
