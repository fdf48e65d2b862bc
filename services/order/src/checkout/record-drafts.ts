import { Code } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import type { Cart } from "../carts/cart.ts";
import { lockCarts, markCheckingOut } from "../carts/cart-store.ts";
import type { NewOrder } from "../orders/order.ts";
import { eventType, orderEventData } from "../orders/order-event.ts";
import { insertOrders, loadFingerprint } from "../orders/order-store.ts";
import { reasons } from "../reasons.ts";
import { type CheckoutCall, isNewOrder, type Outcome } from "./checkout.ts";
import { type Answer, answerRequests, claimGuards, claimRequestIds } from "./request-store.ts";
import { type UnpaidLimits, unpaidLimit } from "./unpaid-limits.ts";
import { lockUnpaid } from "./unpaid-store.ts";

/** A checkout as it was decided before anything was locked. */
export type Draft = {
  readonly call: CheckoutCall;
  readonly cart: Cart | undefined;
  readonly result: NewOrder | Outcome;
};

type OrderDraft = Draft & { readonly result: NewOrder };

/**
 * Records the orders of drafts with their first events, their commands and the state of their carts. A draft without an
 * outcome lost a race for its cart or request id, and must be decided again.
 */
export async function recordDrafts(
  tx: Transaction,
  drafts: readonly Draft[],
  limits: UnpaidLimits,
): Promise<{ outcomes: Map<CheckoutCall, Outcome>; recorded: number }> {
  const outcomes = new Map<CheckoutCall, Outcome>();
  const firsts = await claimRequests(tx, drafts);
  const claimed = await claimCarts(
    tx,
    drafts.filter((draft) => firsts.has(draft)),
    outcomes,
  );
  const ready = await withinLimits(tx, claimed, { limits, outcomes });
  // Two drafts may have one order id; at most one of them is inserted.
  const byOrderId = new Map(ready.map((draft) => [draft.result.id, draft]));
  const orders = [...byOrderId.values()].map(({ result }) => result);
  const inserted = orders.length === 0 ? new Set<string>() : await insertOrders(tx, orders);
  const recorded: OrderDraft[] = [];
  for (const draft of ready) {
    const { call, result } = draft;
    if (byOrderId.get(result.id) === draft && inserted.has(result.id)) {
      recorded.push(draft);
      outcomes.set(call, { orderId: result.id, attached: false });
    } else {
      outcomes.set(call, await existingOrder(tx, draft));
    }
  }
  await recordEffects(tx, recorded);
  const unexpected = [...firsts].filter((draft) => hasRequestId(draft) && !isExpected(draft, outcomes.get(draft.call)));
  await answerRequests(
    tx,
    unexpected.flatMap((draft) => answersOf(draft, outcomes)),
  );
  return { outcomes, recorded: recorded.length };
}

export function requestKey({ request }: CheckoutCall): { scope: string; requestId: string } {
  return { scope: request.customerId, requestId: request.requestId };
}

/** All keys of a call: the customer's, and its caller's own. */
export function requestKeys(call: CheckoutCall): { scope: string; requestId: string }[] {
  return call.guard === undefined ? [requestKey(call)] : [requestKey(call), call.guard];
}

/** The id of the order that the draft is to become. */
function expectedOrderId({ result }: Draft): string | undefined {
  return isNewOrder(result) ? result.id : undefined;
}

function isExpected(draft: Draft, outcome: Outcome | undefined): boolean {
  return outcome !== undefined && "orderId" in outcome && outcome.orderId === expectedOrderId(draft);
}

function hasRequestId({ call }: Draft): boolean {
  return call.request.requestId !== "";
}

/** The answer to remember for a request: none if it is to be decided again or failed because of a race. */
function answersOf({ call }: Draft, outcomes: Map<CheckoutCall, Outcome>): Answer[] {
  const outcome = outcomes.get(call);
  const isTransient = outcome instanceof DomainError && outcome.code === Code.Aborted;
  if (outcome === undefined || isTransient) {
    return requestKeys(call).map((key) => ({ ...key, outcome: undefined }));
  }
  return [{ ...requestKey(call), outcome: outcome instanceof DomainError ? outcome : outcome.orderId }];
}

/** Claims the request ids. Returns the drafts whose id is new, of several with one id the first. */
async function claimRequests(tx: Transaction, drafts: readonly Draft[]): Promise<Set<Draft>> {
  const named = await claimCallersKeys(tx, drafts.filter(hasRequestId));
  const claimed = await claimRequestIds(
    tx,
    named.map((draft) => ({
      ...requestKey(draft.call),
      method: "Checkout",
      fingerprint: draft.call.fingerprint,
      expected: expectedOrderId(draft),
    })),
  );
  const firsts = new Set(drafts.filter((draft) => !hasRequestId(draft)));
  for (const draft of named) {
    const { scope, requestId } = requestKey(draft.call);
    if (claimed.delete(`${scope} ${requestId}`)) {
      firsts.add(draft);
    }
  }
  return firsts;
}

/** Claims the callers' own keys. Returns the drafts without those whose key was used for something else. */
async function claimCallersKeys(tx: Transaction, drafts: readonly Draft[]): Promise<Draft[]> {
  const guards = drafts.flatMap(({ call: { guard } }) =>
    guard === undefined ? [] : [{ ...guard, method: "Checkout" }],
  );
  const held = await claimGuards(tx, guards);
  return drafts.filter(({ call: { guard } }) => {
    const fingerprint = guard && held.get(`${guard.scope} ${guard.requestId}`);
    return guard === undefined || (fingerprint !== undefined && Buffer.compare(fingerprint, guard.fingerprint) === 0);
  });
}

/** Locks the carts. Of several checkouts of one cart the first makes the order, and the others attach to it. */
async function claimCarts(
  tx: Transaction,
  drafts: readonly Draft[],
  outcomes: Map<CheckoutCall, Outcome>,
): Promise<OrderDraft[]> {
  const ready: OrderDraft[] = [];
  const cartIds = drafts.flatMap(({ result, cart }) => (isNewOrder(result) && cart !== undefined ? [cart.id] : []));
  const locked = cartIds.length === 0 ? new Map() : await lockCarts(tx, [...new Set(cartIds)]);
  const claimedBy = new Map<string, string>();
  for (const draft of drafts) {
    const { call, cart, result } = draft;
    if (!isNewOrder(result)) {
      outcomes.set(call, result);
      continue;
    }
    if (cart !== undefined) {
      const orderId = claimedBy.get(cart.id);
      if (orderId !== undefined) {
        outcomes.set(call, { orderId, attached: true });
        continue;
      }
      if (locked.get(cart.id)?.version !== cart.version) {
        continue;
      }
      claimedBy.set(cart.id, result.id);
    }
    ready.push({ ...draft, result });
  }
  return ready;
}

/**
 * Refuses orders to be paid later of customers who hold too much that is not paid. Costs nothing where all are paid at once.
 * A repeat of an order that is there already is not refused: it is not recorded again.
 */
async function withinLimits(
  tx: Transaction,
  drafts: readonly OrderDraft[],
  { limits, outcomes }: { limits: UnpaidLimits; outcomes: Map<CheckoutCall, Outcome> },
): Promise<OrderDraft[]> {
  const later = drafts.filter(({ result }) => result.payLater);
  if (later.length === 0 || (limits.orders === 0 && limits.units === 0)) {
    return [...drafts];
  }
  const held = await lockUnpaid(tx, [...new Set(later.map(({ result }) => result.customerId))]);
  const within: OrderDraft[] = [];
  for (const draft of drafts) {
    const { call, result } = draft;
    const unpaid = held.get(result.customerId) ?? { orders: 0, units: 0 };
    const more = { orders: 1, units: result.lines.reduce((sum, { quantity }) => sum + quantity, 0) };
    const refused = result.payLater ? unpaidLimit(result.customerId, { unpaid, more, limits }) : undefined;
    if (refused !== undefined && (await loadFingerprint(tx, result.id)) === undefined) {
      // Also what would have attached to it, from the same cart.
      for (const [other, outcome] of outcomes) {
        if ("orderId" in outcome && outcome.orderId === result.id) {
          outcomes.set(other, refused);
        }
      }
      outcomes.set(call, refused);
      continue;
    }
    within.push(draft);
    if (result.payLater && refused === undefined) {
      held.set(result.customerId, { orders: unpaid.orders + 1, units: unpaid.units + more.units });
    }
  }
  return within;
}

async function existingOrder(tx: Transaction, { call, result }: OrderDraft): Promise<Outcome> {
  const existing = await loadFingerprint(tx, result.id);
  const isSame =
    existing?.customerId === result.customerId &&
    Buffer.compare(existing.fingerprint, Buffer.from(call.fingerprint)) === 0;
  return isSame
    ? { orderId: result.id, attached: true }
    : new DomainError(reasons, "ORDER_EXISTS", `order id ${result.id} is taken; choose another one`, {
        order_id: result.id,
      });
}

/** Records what belongs to new orders: the first event, the command that starts the saga, the state of the cart. */
async function recordEffects(tx: Transaction, drafts: readonly OrderDraft[]): Promise<void> {
  if (drafts.length === 0) {
    return;
  }
  await appendEvents(
    tx,
    drafts.map(({ call: { traceparent }, result: order }) => ({
      traceparent,
      subject: order.id,
      sequence: 1,
      type: eventType("PENDING"),
      data: orderEventData({ ...order, state: "PENDING" }),
    })),
  );
  await recordCommands(
    tx,
    drafts.map(({ call: { traceparent }, result }) => ({
      kind: "CHECKOUT",
      subject: result.id,
      started: result.ownerWorkflowId !== undefined,
      traceparent,
    })),
  );
  const fromCarts = drafts.flatMap(({ cart, result }) =>
    cart === undefined ? [] : [{ cartId: cart.id, orderId: result.id }],
  );
  if (fromCarts.length > 0) {
    await markCheckingOut(tx, fromCarts);
  }
}
