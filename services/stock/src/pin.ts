import type { Transaction } from "@sagacart/chassis/postgres";
import { end } from "./release.ts";
import type { State } from "./reservation.ts";
import { lockReservations, pinHeld } from "./reservation-store.ts";

/**
 * Keeps a reservation from expiring. Answers the state in which it is then: PINNED, or why it cannot be; undefined
 * where there is none.
 */
export async function pin(tx: Transaction, id: string): Promise<State | undefined> {
  if (await pinHeld(tx, id)) {
    return "PINNED";
  }
  const reservation = (await lockReservations(tx, [id])).get(id);
  if (reservation?.lapsed) {
    await end(tx, { EXPIRED: [id] });
  }
  return reservation?.state;
}
