import { type Pool, type Queryable, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { recordCommands } from "@sagacart/outbox/commands/record";

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

/**
 * Ends a recall: the carrier has given the shipment back, or refuses to for good. A refusal, and the end of one, are told
 * by a command. A recall that was requested again in the meantime stays. Returns true if a command was recorded.
 */
export async function finishRecall(pool: Pool, { orderId, recalls }: Recall, refusal = ""): Promise<boolean> {
  return await withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ before: string }>({
      name: "finish-recall",
      text: `with found as (select order_id, recall_refusal from shipments
                            where order_id = $1 and recalls = $2 for update)
             update shipments s set recall_time = null, recall_refusal = $3
             from found where s.order_id = found.order_id
             returning found.recall_refusal as before`,
      values: [orderId, recalls, refusal],
    });
    if (rows.every(({ before }) => before === "") && refusal === "") {
      return false;
    }
    await recordCommands(tx, [{ kind: "RECALL_CHANGED", subject: orderId, data: {} }]);
    return true;
  });
}
