import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { AddressJson } from "@sagacart/proto/type/v1/address";

/** A shipment for which the carrier is to be asked. */
export type Ask = { readonly orderId: string; readonly address: AddressJson };

/**
 * Takes shipments for which it is time to ask the carrier (again), the longest due first. For `leaseMs` nobody else
 * takes them: by then their answer is in, or whoever took them is gone.
 */
export async function claimAsks(db: Queryable, { limit, leaseMs }: { limit: number; leaseMs: number }): Promise<Ask[]> {
  const { rows } = await db.query<{ order_id: string; address: AddressJson }>({
    name: "claim-asks",
    text: `update shipments set ask_time = now() + $2 * interval '1 ms'
           where order_id in (select order_id from shipments where ask_time <= now()
                              order by ask_time limit $1 for update skip locked)
           returning order_id, address`,
    values: [limit, leaseMs],
  });
  return rows.map((row) => ({ orderId: row.order_id, address: row.address }));
}

/** Why a shipment stays PENDING. */
export type Delay = {
  readonly orderId: string;
  /** pending: the carrier will tell. failed: asked in vain. unasked: it was not its turn. under_way: being asked. */
  readonly why: "pending" | "failed" | "unasked" | "under_way";
};

export type DelayTimes = {
  /** After the first failure; doubled with each, up to a minute. */
  readonly retryMs: number;
  /** After the carrier said that it will tell: in case that its webhook is lost. */
  readonly recheckMs: number;
};

/**
 * Keeps shipments PENDING and says when the carrier is asked again. `awaited`: somebody is being told to wait, so
 * whoever settles it records a command.
 */
export async function delayAsks(
  tx: Transaction,
  delays: readonly Delay[],
  { awaited, retryMs, recheckMs }: DelayTimes & { awaited: boolean },
): Promise<void> {
  if (delays.length === 0) {
    return;
  }
  await tx.query({
    name: "delay-asks",
    text: `update shipments s
           set awaited = awaited or $3,
               asks = asks + case d.why when 'failed' then 1 else 0 end,
               ask_time = case d.why
                 when 'pending' then now() + $5 * interval '1 ms'
                 when 'failed' then now() + least(60000, $4 * 2 ^ least(asks, 16)) * interval '1 ms'
                 when 'unasked' then now()
                 else ask_time
               end
           from unnest($1::text[], $2::text[]) as d (order_id, why)
           where s.order_id = d.order_id and s.state = 'PENDING'`,
    values: [delays.map(({ orderId }) => orderId), delays.map(({ why }) => why), awaited, retryMs, recheckMs],
  });
}

/** The carrier is to be told that these are cancelled: they are ours no longer, and it has taken them all the same. */
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

/** Takes shipments that the carrier is to be told to give back. Each comes again, later and later, until finished. */
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

/** The carrier knows. A recall that was asked for anew in the meantime stays. */
export async function finishRecall(db: Queryable, { orderId, recalls }: Recall): Promise<void> {
  await db.query({
    name: "finish-recall",
    text: "update shipments set recall_time = null where order_id = $1 and recalls = $2",
    values: [orderId, recalls],
  });
}
