import { Code } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf } from "@sagacart/chassis/postgres/request-ids";
import { coalesce } from "@sagacart/chassis/rpc/coalesce";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import { type CheckoutRequest, CheckoutRequestSchema } from "@sagacart/proto/order/v1/order_service";
import { type CartRow, findDefaultCarts, loadCarts, lockCarts, markCheckingOut } from "./cart-store.ts";
import type { Catalogue, Quote } from "./catalogue.ts";
import { type Asked, type CheckedOut, draft, isOrder, linesOf, type Outcome } from "./checkout-draft.ts";
import { eventType } from "./order.ts";
import { insertOrders, type NewOrder } from "./order-store.ts";
import { reasons } from "./reasons.ts";
import { type Answered, answerRequests, claimRequestIds, findRequests, type Remembered } from "./request-store.ts";

/** `carrier` is the workflow that has the order in hand from the start; without one whoever claims it has. */
export type Checkout = (request: CheckoutRequest, carrier?: string) => Promise<CheckedOut>;

/**
 * Records orders. Checkouts that come while others are being recorded are recorded together: one question to the
 * catalogue and one transaction for all of them, whose own outcomes stay their own.
 *
 * `recorded` is called after each commit that recorded orders, with how many.
 */
export function createCheckout(options: {
  pool: Pool;
  catalogue: Catalogue;
  recorded: (count: number) => void;
}): Checkout {
  const checkOut = coalesce<Asked, CheckedOut>({
    name: "record checkouts",
    maxItems: 250,
    maxConcurrent: 1,
    // When it is busy an order waits for its batch much longer than this.
    gather: { from: 8, ms: 40 },
    run: (asked) => checkOutAll(options, asked),
  });
  return (request, carrier) =>
    checkOut({
      request,
      carrier,
      traceparent: callContext()?.traceparent,
      fingerprint: fingerprintOf(CheckoutRequestSchema, request, { without: howFields }),
    });
}

/** Fields that say how to answer, not what to buy: a repeat may wait longer than the first. */
const howFields = ["request_id", "wait_for", "wait_at_most"];

type Context = { pool: Pool; catalogue: Catalogue; recorded: (count: number) => void };
/** Each round settles all but those that somebody else got in the way of; these are read again. */
async function checkOutAll(context: Context, asked: readonly Asked[]): Promise<Outcome[]> {
  const outcomes = new Map<Asked, Outcome>();
  for (let round = 0; round < 10 && outcomes.size < asked.length; round++) {
    await checkOutRound(
      context,
      asked.filter((item) => !outcomes.has(item)),
      outcomes,
    );
  }
  const tooMany = "others were changing the same cart or using the same request id all the time; try again";
  return asked.map((item) => outcomes.get(item) ?? new DomainError(reasons, "CONTENTION", tooMany));
}

async function checkOutRound(context: Context, asked: readonly Asked[], outcomes: Map<Asked, Outcome>): Promise<void> {
  const known = await findRequests(context.pool, asked.map(requestKey));
  const open = asked.filter((item) => {
    const outcome = replay(item, known);
    if (outcome !== undefined) {
      outcomes.set(item, outcome);
    }
    return outcome === undefined;
  });
  if (open.length === 0) {
    return;
  }
  const drafts = await draftAll(context, open);
  const made = await withTransaction(context.pool, (tx) => record(tx, drafts));
  for (const [item, outcome] of made.outcomes) {
    outcomes.set(item, outcome);
  }
  if (made.recorded > 0) {
    context.recorded(made.recorded);
  }
}

function requestKey({ request }: Asked): { scope: string; requestId: string } {
  return { scope: request.customerId, requestId: request.requestId };
}

function replay({ request, fingerprint }: Asked, known: Map<string, Remembered>): Outcome | undefined {
  const remembered = request.requestId === "" ? undefined : known.get(`${request.customerId} ${request.requestId}`);
  if (remembered === undefined) {
    return undefined;
  }
  if (remembered.method !== "Checkout" || Buffer.compare(remembered.fingerprint, fingerprint) !== 0) {
    const message = `request id ${request.requestId} was used before, for something else; choose a new one`;
    return new DomainError(reasons, "REQUEST_ID_REUSED", message, { request_id: request.requestId });
  }
  return remembered.failure ?? { orderId: remembered.resourceId, attached: true };
}

/** What a checkout comes to before anything is locked: an order to record, or an outcome. */
type Draft = {
  readonly asked: Asked;
  readonly cart: CartRow | undefined;
  readonly result: NewOrder | Outcome;
};

/** Reads the carts and asks the catalogue, for all of them at once and without holding a lock. */
async function draftAll({ pool, catalogue }: Context, asked: readonly Asked[]): Promise<Draft[]> {
  const wantsDefault = asked.filter(({ request }) => request.cartId === "" && request.lines.length === 0);
  const defaults =
    wantsDefault.length === 0
      ? new Map<string, string>()
      : await findDefaultCarts(pool, [...new Set(wantsDefault.map(({ request }) => request.customerId))]);
  const cartIdOf = ({ request }: Asked) =>
    request.lines.length > 0 ? undefined : request.cartId || defaults.get(request.customerId);
  const cartIds = new Set(asked.map(cartIdOf).filter((id) => id !== undefined));
  const carts = cartIds.size === 0 ? new Map<string, CartRow>() : await loadCarts(pool, [...cartIds]);
  const cartOf = (item: Asked) => carts.get(cartIdOf(item) ?? "");
  const wanted = asked.flatMap((item) => linesOf(item, cartOf(item)).map(({ productId }) => productId));
  const quotes = wanted.length === 0 ? new Map<string, Quote>() : await catalogue([...new Set(wanted)]);
  return asked.map((item) => {
    const cart = cartOf(item);
    return { asked: item, cart, result: caught(() => draft(item, cart, quotes)) };
  });
}

/** Records what there is to record. What has no outcome afterwards must be read again. */
async function record(
  tx: Transaction,
  drafts: readonly Draft[],
): Promise<{ outcomes: Map<Asked, Outcome>; recorded: number }> {
  const outcomes = new Map<Asked, Outcome>();
  const firsts = await claimRequests(tx, drafts);
  const ready = await claimCarts(
    tx,
    drafts.filter((draft) => firsts.has(draft)),
    outcomes,
  );
  // Two with the same id, and no more than one of them can be the first.
  const orders = new Map(ready.map((draft) => [draft.result.id, draft]));
  const inserted = orders.size === 0 ? new Set<string>() : await insertOrders(tx, [...orders.values()].map(orderOf));
  const recorded: ReadyDraft[] = [];
  for (const draft of ready) {
    if (orders.get(draft.result.id) === draft && inserted.has(draft.result.id)) {
      recorded.push(draft);
      outcomes.set(draft.asked, { orderId: draft.result.id, attached: false });
    } else {
      outcomes.set(draft.asked, await existingOrder(tx, draft));
    }
  }
  await recordEffects(tx, recorded);
  const surprised = [...firsts].filter((draft) => hasRequestId(draft) && !isExpected(draft, outcomes.get(draft.asked)));
  await answerRequests(
    tx,
    surprised.map((draft) => answered(draft, outcomes)),
  );
  return { outcomes, recorded: recorded.length };
}

type ReadyDraft = Draft & { readonly result: NewOrder };

function orderOf({ result }: ReadyDraft): NewOrder {
  return result;
}

/** What a checkout is to come to: the order that was drafted for it. */
function expectedOf({ result }: Draft): string | undefined {
  return isOrder(result) ? result.id : undefined;
}

function isExpected(draft: Draft, outcome: Outcome | undefined): boolean {
  return outcome !== undefined && "orderId" in outcome && outcome.orderId === expectedOf(draft);
}

function hasRequestId({ asked }: Draft): boolean {
  return asked.request.requestId !== "";
}

/** What is remembered of a request: nothing where it is to be read again, or failed because somebody was faster. */
function answered({ asked }: Draft, outcomes: Map<Asked, Outcome>): Answered {
  const outcome = outcomes.get(asked);
  const passing = outcome instanceof DomainError && outcome.code === Code.Aborted;
  return {
    ...requestKey(asked),
    outcome: outcome === undefined || passing ? undefined : outcome instanceof DomainError ? outcome : outcome.orderId,
  };
}

/** The drafts whose request id nobody used before: of several with one id, the first. The others come again. */
async function claimRequests(tx: Transaction, drafts: readonly Draft[]): Promise<Set<Draft>> {
  const named = drafts.filter(hasRequestId);
  const claimed = await claimRequestIds(
    tx,
    named.map((draft) => ({
      ...requestKey(draft.asked),
      method: "Checkout",
      fingerprint: draft.asked.fingerprint,
      expected: expectedOf(draft),
    })),
  );
  const firsts = new Set(drafts.filter((draft) => !hasRequestId(draft)));
  for (const draft of named) {
    const { scope, requestId } = requestKey(draft.asked);
    if (claimed.delete(`${scope} ${requestId}`)) {
      firsts.add(draft);
    }
  }
  return firsts;
}

/** Locks the carts. Of several checkouts of a cart the first makes the order; the others attach to it. */
async function claimCarts(
  tx: Transaction,
  drafts: readonly Draft[],
  outcomes: Map<Asked, Outcome>,
): Promise<ReadyDraft[]> {
  const ready: ReadyDraft[] = [];
  const cartIds = drafts.flatMap(({ result, cart }) => (isOrder(result) && cart !== undefined ? [cart.id] : []));
  const locked = cartIds.length === 0 ? new Map() : await lockCarts(tx, [...new Set(cartIds)]);
  const takenBy = new Map<string, string>();
  for (const draft of drafts) {
    const { asked, cart, result } = draft;
    if (!isOrder(result)) {
      outcomes.set(asked, result);
      continue;
    }
    if (cart !== undefined) {
      const orderId = takenBy.get(cart.id);
      if (orderId !== undefined) {
        outcomes.set(asked, { orderId, attached: true });
        continue;
      }
      if (locked.get(cart.id)?.version !== cart.version) {
        continue;
      }
      takenBy.set(cart.id, result.id);
    }
    ready.push({ ...draft, result });
  }
  return ready;
}

async function existingOrder(tx: Transaction, { asked, result }: ReadyDraft): Promise<Outcome> {
  const { rows } = await tx.query<{ customer_id: string; fingerprint: Buffer }>({
    name: "find-order-fingerprint",
    text: "select customer_id, fingerprint from orders where id = $1",
    values: [result.id],
  });
  const row = rows[0];
  const same =
    row?.customer_id === result.customerId && Buffer.compare(row.fingerprint, Buffer.from(asked.fingerprint)) === 0;
  return same
    ? { orderId: result.id, attached: true }
    : new DomainError(reasons, "ORDER_EXISTS", `order id ${result.id} is taken; choose another one`, {
        order_id: result.id,
      });
}

/** What goes with an order: its first event, the command that has it carried out, and its cart. */
async function recordEffects(tx: Transaction, drafts: readonly ReadyDraft[]): Promise<void> {
  if (drafts.length === 0) {
    return;
  }
  await appendEvents(
    tx,
    drafts.map(({ asked: { traceparent }, result: order }) => ({
      traceparent,
      subject: order.id,
      sequence: 1,
      type: eventType("PENDING"),
      data: {
        orderId: order.id,
        customerId: order.customerId,
        state: "PENDING",
        total: { currencyCode: order.currency, minorUnits: order.totalMinor.toString() },
      },
    })),
  );
  await recordCommands(
    tx,
    drafts.map(({ asked: { traceparent }, result }) => ({
      kind: "CHECKOUT",
      subject: result.id,
      started: result.carrier !== undefined,
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
