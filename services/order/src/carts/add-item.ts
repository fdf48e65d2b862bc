import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, once } from "@sagacart/chassis/postgres/request-ids";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import { addLine, type Cart, type CartRef, checkChangeable } from "./cart.ts";
import type { Catalogue } from "./catalogue.ts";
import { type CartChange, changeCart, changeCarts } from "./change-cart.ts";
import { changeDefaultCart } from "./default-cart.ts";
import { loadCart } from "./load-cart.ts";
import type { Quotes } from "./quote.ts";

/** A product to be added to a cart. */
export type Addition = {
  readonly ref: CartRef;
  readonly etag: string;
  readonly productId: string;
  /** 0 means one. */
  readonly quantity: number;
  /** "" if the request is not to be remembered. */
  readonly requestId: string;
  /** The method and the content that the request id was used for. */
  readonly method: string;
  readonly fingerprint: () => Uint8Array;
};

type Context = { readonly pool: Pool; readonly catalogue: Catalogue };

/**
 * Adds products to carts. Additions that arrive while others are under way are made together, with one call to the
 * catalogue and one transaction for all of them. One with a request id has its own transaction, which remembers the id, and
 * so has one to a customer's default cart, whichever that is.
 */
export function createAddItem(context: Context): (addition: Addition) => Promise<Cart> {
  const { pool, catalogue } = context;
  const addTogether = coalesce<Addition, Cart>({
    name: "add items",
    maxItems: 250,
    maxConcurrent: 2,
    async run(additions) {
      const quotes = await catalogue([...new Set(additions.map(({ productId }) => productId))]);
      const changes = additions.map((addition) => changeFor(addition, quotes));
      return await withTransaction(pool, (tx) => changeCarts(tx, changes));
    },
  });
  return (addition) =>
    addition.requestId === "" && addition.ref.id !== "" ? addTogether(addition) : addOnce(context, addition);
}

async function addOnce({ pool, catalogue }: Context, addition: Addition): Promise<Cart> {
  const { ref, requestId, method } = addition;
  const scope = await requestScope(pool, ref);
  const quotes = await catalogue([addition.productId]);
  let added: Cart | undefined;
  const fingerprint = addition.fingerprint();
  // A guest is known by the token of one cart, and so has no request ids besides that cart's.
  const guard = "customerId" in ref ? callerGuard(ref.customerId, { requestId, fingerprint }) : undefined;
  const request = { scope, requestId, method, fingerprint, guard };
  const { replayed, resourceId } = await once(pool, request, async (tx) => {
    const change = changeFor(addition, quotes);
    added =
      "customerId" in ref && ref.id === ""
        ? await changeDefaultCart(tx, ref.customerId, change.apply)
        : await changeCart(tx, change);
    return added.id;
  });
  return replayed || added === undefined ? await loadCart(pool, { ...ref, id: resourceId }) : added;
}

/** The scope of request ids: the customer who is named or has the cart, or else the guest's cart itself. */
async function requestScope(pool: Pool, ref: CartRef): Promise<string> {
  if ("customerId" in ref && ref.customerId !== "") {
    return ref.customerId;
  }
  const cart = await loadCart(pool, ref);
  return cart.guestTokenHash === undefined ? cart.customerId : `guest ${ref.id}`;
}

function changeFor({ ref, etag, productId, quantity }: Addition, quotes: Quotes): CartChange {
  return {
    ref,
    apply(cart) {
      checkChangeable(cart, etag);
      return addLine(cart, { productId, quantity: quantity || 1 }, quotes);
    },
  };
}
