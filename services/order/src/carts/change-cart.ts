import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type AskedFor, type Cart, checkOwner } from "./cart.ts";
import { loadCartLines, lockCarts, saveCarts } from "./cart-store.ts";

/** A change of one cart. */
export type CartChange = {
  readonly of: AskedFor;
  /** The cart as it is to be, or the same one where nothing changes. Throws what is wrong. May run twice. */
  readonly apply: (cart: Cart) => Cart;
};

/**
 * Makes changes one after the other, with the carts locked: five statements, whatever their number. Each that
 * changes something raises its cart's version. One that is refused leaves the others alone.
 */
export async function changeCarts(tx: Transaction, changes: readonly CartChange[]): Promise<(Cart | DomainError)[]> {
  const before = await lockCartsWithLines(tx, [...new Set(changes.map(({ of }) => of.id))]);
  const after = new Map(before);
  const outcomes = changes.map((change) => {
    const outcome = changed(after.get(change.of.id), change);
    if (!(outcome instanceof DomainError)) {
      after.set(change.of.id, outcome);
    }
    return outcome;
  });
  const saves = [...before.values()].flatMap((cart) => {
    const now = after.get(cart.id) ?? cart;
    return now === cart ? [] : [{ before: cart, after: now }];
  });
  if (saves.length === 0) {
    return outcomes;
  }
  const updateTime = await saveCarts(tx, saves);
  return outcomes.map((outcome) =>
    outcome instanceof DomainError || outcome === before.get(outcome.id) ? outcome : { ...outcome, updateTime },
  );
}

/** Makes one change. Throws why not. */
export async function changeCart(tx: Transaction, change: CartChange): Promise<Cart> {
  const [outcome] = await changeCarts(tx, [change]);
  if (outcome === undefined || outcome instanceof DomainError) {
    throw outcome;
  }
  return outcome;
}

/** The carts with these ids that there are, locked in the order of their ids, with their lines. */
export async function lockCartsWithLines(tx: Transaction, ids: readonly string[]): Promise<Map<string, Cart>> {
  const heads = await lockCarts(tx, ids);
  // After the lock, in a statement of their own: one that waited for the lock would see the lines of before.
  const lines = await loadCartLines(tx, [...heads.keys()]);
  return new Map([...heads].map(([id, head]) => [id, { ...head, lines: lines.get(id) ?? [] }]));
}

function changed(cart: Cart | undefined, change: CartChange): Cart | DomainError {
  try {
    checkOwner(cart, change.of);
    const now = change.apply(cart);
    return now === cart ? cart : { ...now, version: cart.version + 1n };
  } catch (error) {
    if (error instanceof DomainError) {
      return error;
    }
    throw error;
  }
}
