import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { appendEvents, type NewEvent } from "@sagacart/outbox/events/append";
import type { JsonObject } from "@sagacart/outbox/json";
import { type CartLine, totalOf } from "./cart.ts";
import { loadCartLines } from "./cart-store.ts";
import { type IdlePeriods, judge, type Verdict } from "./idle-cart.ts";
import { type DueCart, lockDueCarts, saveVerdicts } from "./idle-cart-store.ts";

/** What one round did. */
export type Round = { readonly looked: number; readonly reminded: number; readonly expired: number };

/** Ends carts that nobody changes any more, and has their owners reminded before; as many processes as wish. */
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
      const { looked, reminded, expired } = await lookAtIdleCarts(pool, periods);
      if (reminded + expired > 0) {
        log.info({ reminded, expired }, "idle carts");
        recorded();
      }
      return looked === roundLimit ? "again" : { waitMs: 60_000 };
    },
  });
}

const roundLimit = 500;

/** One round: a bounded number of the carts that are due, each with its event in the same transaction. */
export async function lookAtIdleCarts(pool: Pool, periods: IdlePeriods): Promise<Round> {
  return await withTransaction(pool, async (tx) => {
    const { carts, now } = await lockDueCarts(tx, roundLimit);
    if (carts.length === 0) {
      return { looked: 0, reminded: 0, expired: 0 };
    }
    const decided = carts.map((cart) => ({
      cart,
      verdict: judge({ ...cart, isGuests: cart.customerId === "" }, now, periods),
    }));
    const events = await eventsOf(tx, decided);
    await appendEvents(tx, events);
    await saveVerdicts(tx, decided);
    const expired = decided.filter(({ verdict }) => verdict.kind === "EXPIRE").length;
    return { looked: carts.length, reminded: events.length - expired, expired };
  });
}

/** A cart as the subject of events: no order's id has a slash, so it is not taken for one. */
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
        const data = { ...summary(cart), expireTime, ...contents(lines.get(cart.id) ?? []) };
        return [{ subject, sequence, type: "sagacart.cart.expiring.v1", data }];
      }
      case "EXPIRE":
        return [{ subject, sequence, type: "sagacart.cart.expired.v1", data: summary(cart) }];
      default:
        return [];
    }
  });
}

function summary({ id, customerId, name }: DueCart): JsonObject {
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
