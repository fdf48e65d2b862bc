import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type MergeCartsRequest, MergeCartsRequest_Strategy } from "@sagacart/proto/order/v1/cart_service";
import { reasons } from "../reasons.ts";
import { type Cart, type CartRef, cartClosed, checkAccess, checkChangeable } from "./cart.ts";
import { loadCarts, loadDefaultCart, saveCarts } from "./cart-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { lockCartsWithLines } from "./change-cart.ts";
import { getDefaultCart } from "./default-cart.ts";
import { loadCart } from "./load-cart.ts";
import { type MergeReport, merge, type Strategy } from "./merge.ts";
import { loadMergeReport, markMerged } from "./merge-store.ts";
import type { Quotes } from "./quote.ts";

/** The target after a merge, or as a preview shows it, and the report of the merge. */
export type Merged = MergeReport & { readonly cart: Cart };

type Context = { readonly pool: Pool; readonly catalogue: Catalogue };

/** Merges one cart into another, once; or only computes the result, for a preview. */
export async function mergeCarts(context: Context, request: MergeCartsRequest): Promise<Merged> {
  for (let round = 0; round < maxRounds; round++) {
    const source = await loadCart(context.pool, sourceRef(request));
    if (source.state === "MERGED") {
      return await repeatMerge(context.pool, source, request);
    }
    const target = await loadTarget(context.pool, source, request);
    const quotes = await context.catalogue(source.lines.map(({ productId }) => productId));
    if (request.preview) {
      return merged({ source, target }, request, quotes);
    }
    const done = await withTransaction(context.pool, async (tx) => {
      const locked = await lockCartsWithLines(tx, [source.id, target.id]);
      const now = { source: locked.get(source.id), target: locked.get(target.id) };
      checkAccess(now.source, sourceRef(request));
      checkAccess(now.target, { id: target.id, customerId: request.customerId });
      // The source was changed or merged after its products were quoted: read it again.
      if (now.source.version !== source.version) {
        return undefined;
      }
      const outcome = merged({ source: now.source, target: now.target }, request, quotes);
      await markMerged(tx, { sourceId: source.id, targetId: target.id, report: outcome });
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
  const message = `other calls kept changing cart ${request.sourceId}; try again`;
  throw new DomainError(reasons, "CONTENTION", message, { cart_id: request.sourceId });
}

const maxRounds = 10;

function sourceRef({ sourceId: id, customerId, guestToken }: MergeCartsRequest): CartRef {
  return guestToken === "" ? { id, customerId } : { id, guestToken };
}

/** Loads the named target or the default cart, which is created if there is none; a preview creates nothing. */
async function loadTarget(pool: Pool, source: Cart, request: MergeCartsRequest): Promise<Cart> {
  const { targetId: id, customerId, preview } = request;
  if (id !== "") {
    return await loadCart(pool, { id, customerId });
  }
  const target = preview
    ? ((await loadDefaultCart(pool, customerId)) ?? emptyDefault(customerId))
    : await getDefaultCart(pool, customerId);
  if (target.id === source.id) {
    const message = `cart ${source.id} is the default cart itself; name another cart to merge it into`;
    throw new DomainError(reasons, "CART_NAMED_TWICE", message, { cart_id: source.id });
  }
  return target;
}

function merged(
  carts: { readonly source: Cart; readonly target: Cart },
  { sourceEtag, targetEtag, strategy }: MergeCartsRequest,
  quotes: Quotes,
): Merged {
  checkChangeable(carts.source, sourceEtag);
  checkChangeable(carts.target, targetEtag);
  return merge(carts, strategyOf(strategy), quotes);
}

/** Answers a repeat: the report of the first merge, with the target as it is now. */
async function repeatMerge(pool: Pool, source: Cart, { targetId, customerId }: MergeCartsRequest): Promise<Merged> {
  const { mergedInto = "" } = source;
  const target = (await loadCarts(pool, [mergedInto])).get(mergedInto);
  if (target?.customerId !== customerId || (targetId !== "" && targetId !== mergedInto)) {
    throw cartClosed(source);
  }
  return { ...(await loadMergeReport(pool, source.id)), cart: target };
}

function strategyOf(strategy: MergeCartsRequest_Strategy): Strategy {
  return strategy === MergeCartsRequest_Strategy.LARGER ? "LARGER" : "SUM";
}

/** The default cart that a merge would create, for a preview. */
function emptyDefault(customerId: string): Cart {
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
