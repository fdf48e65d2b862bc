import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type Cart, type CartRef, checkAccess } from "./cart.ts";
import { loadCartLines, lockCarts, saveCarts } from "./cart-store.ts";

/** A change of one cart. */
export type CartChange = {
  readonly ref: CartRef;
  /** Returns the changed cart, or the same one if nothing changes. Throws to refuse. May run twice. */
  readonly apply: (cart: Cart) => Cart;
};

/**
 * Makes changes one after the other, with the carts locked, in five statements, however many changes. Each one that
 * changes something raises its cart's version. A refused change leaves the others alone.
 */
export async function changeCarts(tx: Transaction, changes: readonly CartChange[]): Promise<(Cart | DomainError)[]> {
  const before = await lockCartsWithLines(tx, [...new Set(changes.map(({ ref }) => ref.id))]);
  const after = new Map(before);
  const outcomes = changes.map((change) => {
    const outcome = applyChange(after.get(change.ref.id), change);
    if (!(outcome instanceof DomainError)) {
      after.set(change.ref.id, outcome);
    }
    return outcome;
  });
  const saves = [...before.values()].flatMap((cart) => {
    const changed = after.get(cart.id) ?? cart;
    return changed === cart ? [] : [{ before: cart, after: changed }];
  });
  if (saves.length === 0) {
    return outcomes;
  }
  const updateTime = await saveCarts(tx, saves);
  return outcomes.map((outcome) =>
    outcome instanceof DomainError || outcome === before.get(outcome.id) ? outcome : { ...outcome, updateTime },
  );
}

/** Makes one change. Throws if it is refused. */
export async function changeCart(tx: Transaction, change: CartChange): Promise<Cart> {
  const [outcome] = await changeCarts(tx, [change]);
  if (outcome === undefined || outcome instanceof DomainError) {
    throw outcome;
  }
  return outcome;
}

/** Locks the carts that exist, in the order of their ids, and loads their lines. */
export async function lockCartsWithLines(tx: Transaction, ids: readonly string[]): Promise<Map<string, Cart>> {
  const heads = await lockCarts(tx, ids);
  // A separate statement: the one that waited for the lock would still see the lines from before.
  const lines = await loadCartLines(tx, [...heads.keys()]);
  return new Map([...heads].map(([id, head]) => [id, { ...head, lines: lines.get(id) ?? [] }]));
}

function applyChange(cart: Cart | undefined, change: CartChange): Cart | DomainError {
  try {
    checkAccess(cart, change.ref);
    const changed = change.apply(cart);
    return changed === cart ? cart : { ...changed, version: cart.version + 1n };
  } catch (error) {
    if (error instanceof DomainError) {
      return error;
    }
    throw error;
  }
}
