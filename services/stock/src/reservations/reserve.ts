import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { lockLevels, releaseLines, reserveLines } from "../levels/level-store.ts";
import { allot, fingerprint, type NewReservation, type Shortage, type State } from "./reservation.ts";
import {
  findLines,
  insertReservations,
  type Locked,
  lockReservations,
  refuse,
  setStates,
} from "./reservation-store.ts";

/** The outcome of a request. */
export type ReserveOutcome =
  | { readonly kind: "reserved"; readonly state: "HELD" | "PINNED" | "COMMITTED" }
  | { readonly kind: "outOfStock"; readonly shortages: readonly Shortage[] }
  | { readonly kind: "released" }
  | { readonly kind: "expired" }
  | { readonly kind: "differs" };

/**
 * Reserves stock for many requests with different ids, each all or nothing, earlier ones first. Returns outcomes in
 * their order. A decision about an id stands: a repeat has the same outcome, also after new stock arrived.
 *
 * Runs a handful of statements, whatever the number of requests: a product that all of them want costs one row update.
 */
export async function reserve(tx: Transaction, requested: readonly NewReservation[]): Promise<ReserveOutcome[]> {
  const fresh = await insertReservations(tx, requested);
  const known =
    fresh.size === requested.length
      ? new Map<string, Locked>()
      : await lockReservations(
          tx,
          requested.flatMap(({ id }) => (fresh.has(id) ? [] : [id])),
        );
  const shortages = await decide(
    tx,
    requested.filter(({ id }) => isLive(fresh.get(id))),
    [...known.values()].filter(({ lapsed }) => lapsed).map(({ id }) => id),
  );
  return requested.map((request) => {
    const before = known.get(request.id);
    return before === undefined
      ? outcome(fresh.get(request.id), shortages.get(request.id) ?? [])
      : again(before, request);
  });
}

/** Releases lapsed reservations, distributes what is available, and returns the shortages by id. */
async function decide(
  tx: Transaction,
  requested: readonly NewReservation[],
  lapsedIds: readonly string[],
): Promise<Map<string, readonly Shortage[]>> {
  const lapsedLines = lapsedIds.length === 0 ? [] : await findLines(tx, lapsedIds);
  const wanted = [...requested.flatMap(({ lines }) => lines), ...lapsedLines].map(({ productId }) => productId);
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
    await releaseLines(tx, lapsedIds);
    await setStates(tx, lapsedIds, "EXPIRED");
    for (const { productId, quantity } of lapsedLines) {
      available.set(productId, (available.get(productId) ?? 0) + quantity);
    }
  }
  const allotments = allot(requested, available);
  const granted = allotments.filter(({ shortages }) => shortages.length === 0);
  const refused = allotments.filter(({ shortages }) => shortages.length > 0);
  if (granted.length > 0) {
    await reserveLines(
      tx,
      granted.map(({ request }) => request),
    );
  }
  if (refused.length > 0) {
    await refuse(
      tx,
      refused.map(({ request, shortages }) => ({ id: request.id, shortages })),
    );
  }
  return new Map(refused.map(({ request, shortages }) => [request.id, shortages]));
}

function outcome(state: State | undefined, shortages: readonly Shortage[]): ReserveOutcome {
  if (!isLive(state)) {
    return { kind: "expired" };
  }
  return shortages.length > 0 ? { kind: "outOfStock", shortages } : { kind: "reserved", state };
}

/** Returns the outcome for an id that is known already. */
function again(before: Locked, request: NewReservation): ReserveOutcome {
  if (before.state === "RELEASED" || before.state === "EXPIRED") {
    return { kind: before.state === "RELEASED" ? "released" : "expired" };
  }
  if (before.fingerprint === null || !before.fingerprint.equals(fingerprint(request))) {
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
