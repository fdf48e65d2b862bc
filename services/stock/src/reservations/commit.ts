import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { lockLevels, recordMovements } from "../levels/level-store.ts";
import type { State } from "./reservation.ts";
import { findLines, lockReservations, setStates } from "./reservation-store.ts";

/** `committed` now or before, or the state of a reservation that cannot be committed. */
export type CommitOutcome =
  | { readonly kind: "committed" }
  | { readonly kind: "notPinned"; readonly state: Exclude<State, "COMMITTED" | "PINNED"> }
  | { readonly kind: "missing" };

/** Takes PINNED reservations off hand, with a SALE for each line. Returns outcomes in the order of the ids. Idempotent. */
export async function commit(tx: Transaction, ids: readonly string[]): Promise<CommitOutcome[]> {
  const reservations = await lockReservations(tx, ids);
  const pinned = [...reservations.values()].filter(({ state }) => state === "PINNED").map(({ id }) => id);
  if (pinned.length > 0) {
    const lines = await findLines(tx, pinned);
    await lockLevels(
      tx,
      lines.map(({ productId }) => productId),
    );
    await recordMovements(
      tx,
      lines.map(({ reservationId, productId, quantity }) => ({
        productId,
        delta: -quantity,
        reason: "SALE",
        reference: reservationId,
      })),
    );
    await setStates(tx, pinned, "COMMITTED");
  }
  return ids.map((id) => outcome(reservations.get(id)?.state));
}

function outcome(state: State | undefined): CommitOutcome {
  switch (state) {
    case undefined:
      return { kind: "missing" };
    case "PINNED":
    case "COMMITTED":
      return { kind: "committed" };
    default:
      return { kind: "notPinned", state };
  }
}
