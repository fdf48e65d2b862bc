import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { appendEvents, type NewEvent } from "@sagacart/outbox/events/append";
import type { JsonObject } from "@sagacart/outbox/json";
import { type CartLine, totalOf } from "./cart.ts";
import { loadCartLines } from "./cart-store.ts";
import { type IdlePeriods, judge, type Verdict } from "./idle-cart.ts";
import { type DueCart, lockDueCarts, saveVerdicts } from "./idle-cart-store.ts";

/** The number of carts that a round checked, and what it did with them. */
export type Round = { readonly checked: number; readonly reminded: number; readonly expired: number };

/** Expires carts that nobody changes any more, and reminds their customers before. Any number of processes may run it. */
export function startIdleCarts(options: {
  pool: Pool;
  log: Log;
  periods: IdlePeriods;
  /** Called after events were committed. */
  recorded: () => void;
}): AsyncDisposable {
  const { pool, log, periods, recorded } = options;
  return startLoop({
    name: "idle-carts",
    log,
    async run() {
      const { checked, reminded, expired } = await checkIdleCarts(pool, periods);
      if (reminded + expired > 0) {
        log.info({ reminded, expired }, "idle carts");
        recorded();
      }
      return checked === roundLimit ? "again" : { waitMs: 60_000 };
    },
  });
}

const roundLimit = 500;

/** Runs one round over at most 500 carts that are due, and records their events in the same transaction. */
export async function checkIdleCarts(pool: Pool, periods: IdlePeriods): Promise<Round> {
  return await withTransaction(pool, async (tx) => {
    const { carts, now } = await lockDueCarts(tx, roundLimit);
    if (carts.length === 0) {
      return { checked: 0, reminded: 0, expired: 0 };
    }
    const decided = carts.map((cart) => ({
      cart,
      verdict: judge({ ...cart, isGuest: cart.customerId === "" }, now, periods),
    }));
    const events = await eventsOf(tx, decided);
    await appendEvents(tx, events);
    await saveVerdicts(tx, decided);
    const expired = decided.filter(({ verdict }) => verdict.kind === "EXPIRE").length;
    return { checked: carts.length, reminded: events.length - expired, expired };
  });
}

/** The subject of a cart's events. Order ids have no slash, so it cannot be taken for an order's. */
function cartSubject(cartId: string): string {
  return `carts/${cartId}`;
}

type Decided = { readonly cart: DueCart; readonly verdict: Verdict };

async function eventsOf(tx: Transaction, decided: readonly Decided[]): Promise<NewEvent[]> {
  const reminded = decided.filter(({ verdict }) => verdict.kind === "REMIND");
  const lines =
    reminded.length === 0
      ? new Map()
      : await loadCartLines(
          tx,
          reminded.map(({ cart }) => cart.id),
        );
  return decided.flatMap(({ cart, verdict }): NewEvent[] => {
    const subject = cartSubject(cart.id);
    const sequence = cart.eventSequence + 1n;
    switch (verdict.kind) {
      case "REMIND": {
        const expireTime = verdict.expireTime.toISOString();
        const data = { ...cartEventData(cart), expireTime, ...contents(lines.get(cart.id) ?? []) };
        return [{ subject, sequence, type: "sagacart.cart.expiring.v1", data }];
      }
      case "EXPIRE":
        return [{ subject, sequence, type: "sagacart.cart.expired.v1", data: cartEventData(cart) }];
      default:
        return [];
    }
  });
}

function cartEventData({ id, customerId, name }: DueCart): JsonObject {
  return { cartId: id, ...(customerId === "" ? {} : { customerId }), ...(name === "" ? {} : { name }) };
}

function contents(lines: readonly CartLine[]): JsonObject {
  const total = totalOf(lines);
  return {
    ...(total === undefined ? {} : { total: { ...total, minorUnits: total.minorUnits.toString() } }),
    lines: lines.map(({ productId, title, quantity, currency, unitPriceMinor }) => ({
      productId,
      title,
      quantity,
      unitPrice: { currencyCode: currency, minorUnits: unitPriceMinor.toString() },
    })),
  };
}
