import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { lockLevels, releaseLines } from "../levels/level-store.ts";
import type { State } from "./reservation.ts";
import { findLines, insertTombstones, lockLapsed, lockReservations, setStates } from "./reservation-store.ts";

/** `released` if the reservation holds nothing any more, `committed` if it was sold. */
export type ReleaseOutcome = { readonly kind: "released" } | { readonly kind: "committed" };

/**
 * Releases what these reservations hold. Returns an outcome for each id, in their order. For an unknown id it leaves a
 * tombstone, so that a reservation that arrives later is refused. Idempotent.
 */
export async function release(tx: Transaction, ids: readonly string[]): Promise<ReleaseOutcome[]> {
  // First, without reading: this waits for a transaction that is inserting one of them, and the lock below finds it.
  await insertTombstones(tx, [...new Set(ids)]);
  const reservations = await lockReservations(tx, ids);
  const all = [...reservations.values()];
  await end(tx, { RELEASED: all.filter(holds).map(({ id }) => id), EXPIRED: all.filter(isLapsed).map(({ id }) => id) });
  return ids.map((id) => ({ kind: reservations.get(id)?.state === "COMMITTED" ? "committed" : "released" }));
}

/** Ends up to `limit` reservations past their expiry and returns their number. */
export async function expire(tx: Transaction, limit: number): Promise<number> {
  const ids = await lockLapsed(tx, limit);
  await end(tx, { EXPIRED: ids });
  return ids.length;
}

/** Ends locked reservations that hold stock, and releases it. */
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
  await releaseLines(tx, ended);
  await setStates(tx, released, "RELEASED");
  await setStates(tx, expired, "EXPIRED");
}

function holds({ state }: { state: State }): boolean {
  return state === "HELD" || state === "PINNED";
}

function isLapsed({ lapsed }: { lapsed: boolean }): boolean {
  return lapsed;
}
