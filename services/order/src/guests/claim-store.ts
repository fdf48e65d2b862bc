import type { Transaction } from "@sagacart/chassis/postgres/pool";

/** Makes an order that the caller has locked another customer's, and keeps the id that it had before. */
export async function saveClaim(
  tx: Transaction,
  { orderId, customerId }: { orderId: string; customerId: string },
): Promise<void> {
  await tx.query({
    name: "save-claim",
    text: `update orders set guest_customer_id = customer_id, customer_id = $2, sequence = sequence + 1,
                             update_time = now()
           where id = $1`,
    values: [orderId, customerId],
  });
}
