import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { end } from "./release.ts";
import type { State } from "./reservation.ts";
import { lockReservations, pinHeld } from "./reservation-store.ts";

/**
 * Pins a reservation, so that it does not expire. Returns its state afterwards: PINNED, or the state that prevents it;
 * undefined if there is no such reservation.
 */
export async function pin(tx: Transaction, id: string): Promise<State | undefined> {
  if (await pinHeld(tx, id)) {
    return "PINNED";
  }
  const reservation = (await lockReservations(tx, [id])).get(id);
  if (reservation?.lapsed) {
    await end(tx, { EXPIRED: [id] });
  }
  // Inserted after the first try. It is locked now, so this one decides.
  if (reservation?.state === "HELD" && (await pinHeld(tx, id))) {
    return "PINNED";
  }
  return reservation?.state;
}
