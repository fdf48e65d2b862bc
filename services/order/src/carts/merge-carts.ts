import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type MergeCartsRequest, MergeCartsRequest_Strategy } from "@sagacart/proto/order/v1/cart_service";
import { reasons } from "../reasons.ts";
import { type AskedFor, type Cart, cartClosed, checkChangeable, checkOwner } from "./cart.ts";
import { loadCarts, loadDefaultCart, saveCarts } from "./cart-store.ts";
import type { Catalogue, Quote } from "./catalogue.ts";
import { lockCartsWithLines } from "./change-cart.ts";
import { getDefaultCart } from "./default-cart.ts";
import { type MergeStory, merge, type Strategy } from "./merge.ts";
import { loadMergeStory, markMerged } from "./merge-store.ts";

/** The target as it is after a merge, or would be, and what the merge does. */
export type Merged = MergeStory & { readonly cart: Cart };

type Context = { readonly pool: Pool; readonly catalogue: Catalogue };

/** Brings what is in one cart into another, once; or only says what would come out. */
export async function mergeCarts(context: Context, request: MergeCartsRequest): Promise<Merged> {
  for (let round = 0; round < maxRounds; round++) {
    const source = await loadSource(context.pool, request);
    if (source.state === "MERGED") {
      return await repeated(context.pool, source, request);
    }
    const target = await loadTarget(context.pool, source, request);
    const quotes = await context.catalogue(source.lines.map(({ productId }) => productId));
    if (request.preview) {
      return merged({ source, target }, request, quotes);
    }
    const done = await withTransaction(context.pool, async (tx) => {
      const locked = await lockCartsWithLines(tx, [source.id, target.id]);
      const now = { source: locked.get(source.id), target: locked.get(target.id) };
      checkOwner(now.source, sourceOf(request));
      checkOwner(now.target, { id: target.id, customerId: request.customerId });
      // Changed since its products were quoted, or merged: read again.
      if (now.source.version !== source.version) {
        return undefined;
      }
      const outcome = merged({ source: now.source, target: now.target }, request, quotes);
      await markMerged(tx, { sourceId: source.id, targetId: target.id, story: outcome });
      if (outcome.cart === now.target) {
        return outcome;
      }
      const after = { ...outcome.cart, version: now.target.version + 1n };
      const updateTime = await saveCarts(tx, [{ before: now.target, after }]);
      return { ...outcome, cart: { ...after, updateTime } };
    });
    if (done !== undefined) {
      return done;
    }
  }
  const message = `cart ${request.sourceId} was being changed all the time; try again`;
  throw new DomainError(reasons, "CONTENTION", message, { cart_id: request.sourceId });
}

const maxRounds = 10;

async function loadSource(pool: Pool, request: MergeCartsRequest): Promise<Cart> {
  const asked = sourceOf(request);
  const source = (await loadCarts(pool, [asked.id])).get(asked.id);
  checkOwner(source, asked);
  return source;
}

function sourceOf({ sourceId: id, customerId, guestToken }: MergeCartsRequest): AskedFor {
  return guestToken === "" ? { id, customerId } : { id, guestToken };
}

/** The one that is named, or the default one; made where there is none, unless nothing is to change. */
async function loadTarget(pool: Pool, source: Cart, request: MergeCartsRequest): Promise<Cart> {
  const { targetId: id, customerId, preview } = request;
  if (id !== "") {
    const target = (await loadCarts(pool, [id])).get(id);
    checkOwner(target, { id, customerId });
    return target;
  }
  const target = preview
    ? ((await loadDefaultCart(pool, customerId)) ?? unmade(customerId))
    : await getDefaultCart(pool, customerId);
  if (target.id === source.id) {
    const message = `cart ${source.id} is the default one itself; name the cart to merge it into`;
    throw new DomainError(reasons, "CART_NAMED_TWICE", message, { cart_id: source.id });
  }
  return target;
}

function merged(
  carts: { readonly source: Cart; readonly target: Cart },
  { sourceEtag, targetEtag, strategy }: MergeCartsRequest,
  quotes: ReadonlyMap<string, Quote>,
): Merged {
  checkChangeable(carts.source, sourceEtag);
  checkChangeable(carts.target, targetEtag);
  return merge(carts, strategyOf(strategy), quotes);
}

/** The answer to who asks again: what was done, and the target as it is now. */
async function repeated(pool: Pool, source: Cart, { targetId, customerId }: MergeCartsRequest): Promise<Merged> {
  const { mergedInto = "" } = source;
  const target = (await loadCarts(pool, [mergedInto])).get(mergedInto);
  if (target?.customerId !== customerId || (targetId !== "" && targetId !== mergedInto)) {
    throw cartClosed(source);
  }
  return { ...(await loadMergeStory(pool, source.id)), cart: target };
}

function strategyOf(strategy: MergeCartsRequest_Strategy): Strategy {
  return strategy === MergeCartsRequest_Strategy.LARGER ? "LARGER" : "SUM";
}

/** The default cart of a customer who has none yet. */
function unmade(customerId: string): Cart {
  const now = new Date();
  return {
    id: "",
    customerId,
    guestTokenHash: undefined,
    name: "",
    state: "OPEN",
    isDefault: true,
    version: 0n,
    orderId: undefined,
    lastFailureReason: "",
    mergedInto: undefined,
    lines: [],
    createTime: now,
    updateTime: now,
  };
}
