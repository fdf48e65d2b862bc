import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { once } from "@sagacart/chassis/postgres/request-ids";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import { type AskedFor, addLine, type Cart, checkChangeable, checkOwner } from "./cart.ts";
import { loadCarts } from "./cart-store.ts";
import type { Catalogue, Quote } from "./catalogue.ts";
import { type CartChange, changeCart, changeCarts } from "./change-cart.ts";

/** Something to be added to a cart. */
export type Addition = {
  readonly to: AskedFor;
  readonly etag: string;
  readonly productId: string;
  /** 0 for one. */
  readonly quantity: number;
  /** "" where it is not to be remembered. */
  readonly requestId: string;
  /** Who is asked with the request id, and for what; looked at only where there is one. */
  readonly method: string;
  readonly fingerprint: () => Uint8Array;
};

type Context = { readonly pool: Pool; readonly catalogue: Catalogue };

/**
 * Adds a product to a cart. Those that come while others are being added are added together: one question to the
 * catalogue and one transaction for all of them. A request id is remembered, so each of those has its own.
 */
export function createAddItem(context: Context): (addition: Addition) => Promise<Cart> {
  const { pool, catalogue } = context;
  const addTogether = coalesce<Addition, Cart>({
    name: "add items",
    maxItems: 250,
    maxConcurrent: 2,
    async run(additions) {
      const quotes = await catalogue([...new Set(additions.map(({ productId }) => productId))]);
      const changes = additions.map((addition) => changeOf(addition, quotes));
      return await withTransaction(pool, (tx) => changeCarts(tx, changes));
    },
  });
  return (addition) => (addition.requestId === "" ? addTogether(addition) : addOnce(context, addition));
}

async function addOnce({ pool, catalogue }: Context, addition: Addition): Promise<Cart> {
  const { to, requestId, method } = addition;
  const scope = await scopeOf(pool, to);
  const quotes = await catalogue([addition.productId]);
  let added: Cart | undefined;
  const asked = { scope, requestId, method, fingerprint: addition.fingerprint() };
  const { replayed } = await once(pool, asked, async (tx) => {
    added = await changeCart(tx, changeOf(addition, quotes));
    return to.id;
  });
  return replayed || added === undefined ? await load(pool, to) : added;
}

/** Whose request ids they are: the customer's, named or whose cart it is, or those of a guest's cart. */
async function scopeOf(pool: Pool, to: AskedFor): Promise<string> {
  if ("customerId" in to && to.customerId !== "") {
    return to.customerId;
  }
  const cart = await load(pool, to);
  return cart.guestTokenHash === undefined ? cart.customerId : `guest ${to.id}`;
}

function changeOf({ to, etag, productId, quantity }: Addition, quotes: ReadonlyMap<string, Quote>): CartChange {
  return {
    of: to,
    apply(cart) {
      checkChangeable(cart, etag);
      return addLine(cart, { productId, quantity: quantity || 1 }, quotes);
    },
  };
}

async function load(pool: Pool, asked: AskedFor): Promise<Cart> {
  const cart = (await loadCarts(pool, [asked.id])).get(asked.id);
  checkOwner(cart, asked);
  return cart;
}
