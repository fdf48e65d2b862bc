import { currentActor } from "@sagacart/chassis/auth/actor";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf } from "@sagacart/chassis/postgres/request-ids";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import { type CheckoutRequest, CheckoutRequestSchema } from "@sagacart/proto/order/v1/order_service";
import type { Cart } from "../carts/cart.ts";
import { findDefaultCarts, loadCarts } from "../carts/cart-store.ts";
import type { Catalogue } from "../carts/catalogue.ts";
import type { Quote } from "../carts/quote.ts";
import { reasons } from "../reasons.ts";
import { type CheckedOut, type CheckoutCall, decideCheckout, linesToBuy, type Outcome } from "./checkout.ts";
import { type Draft, recordDrafts, requestKey, requestKeys } from "./record-drafts.ts";
import { findRequests, type Remembered } from "./request-store.ts";
import type { UnpaidLimits } from "./unpaid-limits.ts";

/** Records the order of a checkout. `ownerWorkflowId` owns it from the start; without one, a workflow claims it later. */
export type Checkout = (request: CheckoutRequest, ownerWorkflowId?: string) => Promise<CheckedOut>;

/**
 * Records orders. Checkouts that arrive while others are being recorded are recorded together, with one call to the
 * catalogue and one transaction for all of them. Each succeeds or fails on its own.
 *
 * `recorded` is called after each commit that recorded orders, with their number.
 */
export function createCheckout(context: Context): Checkout {
  const checkOut = coalesce<CheckoutCall, CheckedOut>({
    name: "record checkouts",
    maxItems: 250,
    maxConcurrent: 1,
    // On a busy system an order waits for its saga batch much longer than this.
    gather: { from: 8, ms: 40 },
    run: (calls) => checkOutAll(context, calls),
  });
  return (request, ownerWorkflowId) => {
    const { customerId, requestId } = request;
    const fingerprint = fingerprintOf(CheckoutRequestSchema, request, { without: answerFields });
    const guard = callerGuard(customerId, { requestId, fingerprint });
    // A program that names a customer passes on what the customer does; a workflow orders by itself.
    const onBehalfOf = ownerWorkflowId === undefined ? customerId : "";
    const actor = currentActor({ owner: customerId, onBehalfOf });
    return checkOut({ request, ownerWorkflowId, traceparent: callContext()?.traceparent, fingerprint, guard, actor });
  };
}

/** Fields that say how to answer, not what to buy: a repeat may wait longer than the first request. */
const answerFields = ["request_id", "wait_for", "wait_at_most"];

type Context = { pool: Pool; catalogue: Catalogue; unpaid: UnpaidLimits; recorded: (count: number) => void };

/** Runs rounds. Each round settles all calls but those that lost a race against others, which are read again. */
async function checkOutAll(context: Context, calls: readonly CheckoutCall[]): Promise<Outcome[]> {
  const outcomes = new Map<CheckoutCall, Outcome>();
  for (let round = 0; round < 10 && outcomes.size < calls.length; round++) {
    await checkOutRound(
      context,
      calls.filter((call) => !outcomes.has(call)),
      outcomes,
    );
  }
  const message = "other calls kept changing the same cart or using the same request id; try again";
  return calls.map((call) => outcomes.get(call) ?? new DomainError(reasons, "CONTENTION", message));
}

async function checkOutRound(
  context: Context,
  calls: readonly CheckoutCall[],
  outcomes: Map<CheckoutCall, Outcome>,
): Promise<void> {
  const remembered = await findRequests(context.pool, calls.flatMap(requestKeys));
  const open = calls.filter((call) => {
    const outcome = replay(call, remembered);
    if (outcome !== undefined) {
      outcomes.set(call, outcome);
    }
    return outcome === undefined;
  });
  if (open.length === 0) {
    return;
  }
  const drafts = await draftAll(context, open);
  const result = await withTransaction(context.pool, (tx) => recordDrafts(tx, drafts, context.unpaid));
  for (const [call, outcome] of result.outcomes) {
    outcomes.set(call, outcome);
  }
  if (result.recorded > 0) {
    context.recorded(result.recorded);
  }
}

function replay(call: CheckoutCall, known: Map<string, Remembered>): Outcome | undefined {
  const { requestId } = call.request;
  const found = requestKeys(call).flatMap(({ scope }) => known.get(`${scope} ${requestId}`) ?? []);
  const isOther = ({ method, fingerprint }: Remembered) =>
    method !== "Checkout" || Buffer.compare(fingerprint, call.fingerprint) !== 0;
  if (found.some(isOther)) {
    const message = `request id ${requestId} was used before, for something else; choose a new one`;
    return new DomainError(reasons, "REQUEST_ID_REUSED", message, { request_id: requestId });
  }
  const { scope } = requestKey(call);
  const remembered = known.get(`${scope} ${requestId}`);
  if (remembered === undefined) {
    return undefined;
  }
  return remembered.failure ?? { orderId: remembered.resourceId, attached: true };
}

/** Reads the carts and quotes the products of all calls, without holding a lock. */
async function draftAll({ pool, catalogue, unpaid }: Context, calls: readonly CheckoutCall[]): Promise<Draft[]> {
  const wantsDefault = calls.filter(({ request }) => request.cartId === "" && request.lines.length === 0);
  const defaults =
    wantsDefault.length === 0
      ? new Map<string, string>()
      : await findDefaultCarts(pool, [...new Set(wantsDefault.map(({ request }) => request.customerId))]);
  const cartIdOf = ({ request }: CheckoutCall) =>
    request.lines.length > 0 ? undefined : request.cartId || defaults.get(request.customerId);
  const cartIds = new Set(calls.map(cartIdOf).filter((id) => id !== undefined));
  const carts = cartIds.size === 0 ? new Map<string, Cart>() : await loadCarts(pool, [...cartIds]);
  const cartOf = (call: CheckoutCall) => carts.get(cartIdOf(call) ?? "");
  const wanted = calls.flatMap((call) => linesToBuy(call, cartOf(call)).map(({ productId }) => productId));
  const quotes = wanted.length === 0 ? new Map<string, Quote>() : await catalogue([...new Set(wanted)]);
  return calls.map((call) => {
    const cart = cartOf(call);
    return { call, cart, result: caught(() => decideCheckout(call, { cart, quotes, limits: unpaid })) };
  });
}

function caught<T>(fn: () => T): T | DomainError {
  try {
    return fn();
  } catch (error) {
    if (error instanceof DomainError) {
      return error;
    }
    throw error;
  }
}
