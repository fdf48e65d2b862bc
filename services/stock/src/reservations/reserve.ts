import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { lockLevels, putBack, setAside } from "../levels/level-store.ts";
import { allot, fingerprint, type Shortage, type State, type Wish } from "./reservation.ts";
import {
  findLines,
  insertReservations,
  type Locked,
  lockReservations,
  refuse,
  setStates,
} from "./reservation-store.ts";

/** What came of a wish. */
export type ReserveOutcome =
  | { readonly kind: "reserved"; readonly state: "HELD" | "PINNED" | "COMMITTED" }
  | { readonly kind: "outOfStock"; readonly shortages: readonly Shortage[] }
  | { readonly kind: "released" }
  | { readonly kind: "expired" }
  | { readonly kind: "differs" };

/**
 * Sets stock aside for many at once, each one's lines all or not at all, the earlier ones first; answers in their
 * order. Their ids differ. Whatever was decided before about an id is decided: a repeat answers the same, also
 * after new stock came.
 *
 * A handful of statements whatever their number: a product that all of them want costs one row update.
 */
export async function reserve(tx: Transaction, wishes: readonly Wish[]): Promise<ReserveOutcome[]> {
  const fresh = await insertReservations(tx, wishes);
  const known =
    fresh.size === wishes.length
      ? new Map<string, Locked>()
      : await lockReservations(
          tx,
          wishes.flatMap(({ id }) => (fresh.has(id) ? [] : [id])),
        );
  const shortages = await decide(
    tx,
    wishes.filter(({ id }) => isLive(fresh.get(id))),
    [...known.values()].filter(({ lapsed }) => lapsed).map(({ id }) => id),
  );
  return wishes.map((wish) => {
    const before = known.get(wish.id);
    return before === undefined ? outcome(fresh.get(wish.id), shortages.get(wish.id) ?? []) : again(before, wish);
  });
}

/** Gives back what ran out, hands out what there is, and answers what was short, by id. */
async function decide(
  tx: Transaction,
  wishes: readonly Wish[],
  lapsedIds: readonly string[],
): Promise<Map<string, readonly Shortage[]>> {
  const lapsedLines = lapsedIds.length === 0 ? [] : await findLines(tx, lapsedIds);
  const wanted = [...wishes.flatMap(({ lines }) => lines), ...lapsedLines].map(({ productId }) => productId);
  if (wanted.length === 0) {
    return new Map();
  }
  const available = new Map<string, number>();
  for (const { productId, onHand, reserved, deleted } of (await lockLevels(tx, wanted)).values()) {
    if (!deleted) {
      available.set(productId, onHand - reserved);
    }
  }
  if (lapsedIds.length > 0) {
    await putBack(tx, lapsedIds);
    await setStates(tx, lapsedIds, "EXPIRED");
    for (const { productId, quantity } of lapsedLines) {
      available.set(productId, (available.get(productId) ?? 0) + quantity);
    }
  }
  const allotments = allot(wishes, available);
  const granted = allotments.filter(({ shortages }) => shortages.length === 0);
  const refused = allotments.filter(({ shortages }) => shortages.length > 0);
  if (granted.length > 0) {
    await setAside(
      tx,
      granted.map(({ wish }) => wish),
    );
  }
  if (refused.length > 0) {
    await refuse(
      tx,
      refused.map(({ wish, shortages }) => ({ id: wish.id, shortages })),
    );
  }
  return new Map(refused.map(({ wish, shortages }) => [wish.id, shortages]));
}

function outcome(state: State | undefined, shortages: readonly Shortage[]): ReserveOutcome {
  if (!isLive(state)) {
    return { kind: "expired" };
  }
  return shortages.length > 0 ? { kind: "outOfStock", shortages } : { kind: "reserved", state };
}

/** What was decided before. */
function again(before: Locked, wish: Wish): ReserveOutcome {
  if (before.state === "RELEASED" || before.state === "EXPIRED") {
    return { kind: before.state === "RELEASED" ? "released" : "expired" };
  }
  if (before.fingerprint === null || !before.fingerprint.equals(fingerprint(wish))) {
    return { kind: "differs" };
  }
  switch (before.state) {
    case "HELD":
    case "PINNED":
    case "COMMITTED":
      return { kind: "reserved", state: before.state };
    case "REFUSED":
      return { kind: "outOfStock", shortages: before.shortages };
    default:
      return before.state satisfies never;
  }
}

function isLive(state: State | undefined): state is "HELD" | "PINNED" {
  return state === "HELD" || state === "PINNED";
}
