import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Dispute } from "./dispute.ts";

/** Saves the disputes of an order that the caller has locked, for which it appends an event. */
export async function saveDisputes(tx: Transaction, orderId: string, disputes: readonly Dispute[]): Promise<void> {
  await tx.query({
    name: "save-disputes",
    text: "update orders set disputes = $2, sequence = sequence + 1, update_time = now() where id = $1",
    values: [orderId, JSON.stringify(disputes)],
  });
}
