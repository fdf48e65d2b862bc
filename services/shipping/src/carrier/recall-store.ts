import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** Marks cancelled shipments to be called back: the carrier may have accepted them all the same. */
export async function requestRecalls(tx: Transaction, orderIds: readonly string[], inMs: number): Promise<void> {
  if (orderIds.length > 0) {
    await tx.query({
      name: "request-recalls",
      text: `update shipments set recall_time = now() + $2 * interval '1 ms', recalls = 0
             where order_id = any($1) and state = 'CANCELLED'`,
      values: [orderIds, inMs],
    });
  }
}

export type Recall = { readonly orderId: string; readonly recalls: number };

/** Takes shipments to be called back. Each comes again after a growing pause until its recall is finished. */
export async function claimRecalls(
  db: Queryable,
  { limit, retryMs, leaseMs }: { limit: number; retryMs: number; leaseMs: number },
): Promise<Recall[]> {
  const { rows } = await db.query<{ order_id: string; recalls: number }>({
    name: "claim-recalls",
    text: `update shipments
           set recalls = recalls + 1,
               recall_time = now() + ($3 + least(600000, $2 * 2 ^ least(recalls, 16))) * interval '1 ms'
           where order_id in (select order_id from shipments where recall_time <= now()
                              order by recall_time limit $1 for update skip locked)
           returning order_id, recalls`,
    values: [limit, retryMs, leaseMs],
  });
  return rows.map((row) => ({ orderId: row.order_id, recalls: row.recalls }));
}

/** Ends a recall. One that was requested again in the meantime stays. */
export async function finishRecall(db: Queryable, { orderId, recalls }: Recall): Promise<void> {
  await db.query({
    name: "finish-recall",
    text: "update shipments set recall_time = null where order_id = $1 and recalls = $2",
    values: [orderId, recalls],
  });
}
