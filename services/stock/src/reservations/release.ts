import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { lockLevels, putBack } from "../levels/level-store.ts";
import type { State } from "./reservation.ts";
import { findLines, insertTombstones, lockLapsed, lockReservations, setStates } from "./reservation-store.ts";

/** Whether nothing is held any more, or it is sold. */
export type ReleaseOutcome = { readonly kind: "released" } | { readonly kind: "committed" };

/**
 * Gives back what is held under these ids; answers in their order. Where nothing came yet it leaves a tombstone, so
 * that what is still on its way comes too late. A repeat answers the same.
 */
export async function release(tx: Transaction, ids: readonly string[]): Promise<ReleaseOutcome[]> {
  // First, and without a look: whoever is recording one of them is waited for here, and found below.
  await insertTombstones(tx, [...new Set(ids)]);
  const reservations = await lockReservations(tx, ids);
  const all = [...reservations.values()];
  await end(tx, { RELEASED: all.filter(holds).map(({ id }) => id), EXPIRED: all.filter(isLapsed).map(({ id }) => id) });
  return ids.map((id) => ({ kind: reservations.get(id)?.state === "COMMITTED" ? "committed" : "released" }));
}

/** Gives back what up to `limit` reservations hold whose time is over; answers how many they were. */
export async function expire(tx: Transaction, limit: number): Promise<number> {
  const ids = await lockLapsed(tx, limit);
  await end(tx, { EXPIRED: ids });
  return ids.length;
}

/** Ends locked reservations that hold stock, and puts that back. */
export async function end(
  tx: Transaction,
  ids: { readonly RELEASED?: readonly string[]; readonly EXPIRED?: readonly string[] },
): Promise<void> {
  const { RELEASED: released = [], EXPIRED: expired = [] } = ids;
  const ended = [...released, ...expired];
  if (ended.length === 0) {
    return;
  }
  const lines = await findLines(tx, ended);
  await lockLevels(
    tx,
    lines.map(({ productId }) => productId),
  );
  await putBack(tx, ended);
  await setStates(tx, released, "RELEASED");
  await setStates(tx, expired, "EXPIRED");
}

function holds({ state }: { state: State }): boolean {
  return state === "HELD" || state === "PINNED";
}

function isLapsed({ lapsed }: { lapsed: boolean }): boolean {
  return lapsed;
}
