import type { Transaction } from "@sagacart/chassis/postgres/pool";
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
  // Made since it was looked for above. Locked now, it stays as it is.
  if (reservation?.state === "HELD" && (await pinHeld(tx, id))) {
    return "PINNED";
  }
  return reservation?.state;
}
