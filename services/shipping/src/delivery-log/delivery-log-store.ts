import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";

export type Delivery = {
  readonly orderId: string;
  readonly eventId: string;
  readonly customerId: string;
  readonly trackingNumber: string;
  readonly completeTime: Date;
};

/** Logs deliveries, and returns those that were not logged yet. */
export async function insertDeliveries(tx: Transaction, deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
  const { rows } = await tx.query<{ order_id: string }>({
    name: "log-deliveries",
    text: `insert into delivery_log (${newDeliveries.columns})
           select * from ${newDeliveries.table}
           on conflict (order_id) do nothing returning order_id`,
    values: newDeliveries.values(deliveries),
  });
  const inserted = new Set(rows.map(({ order_id }) => order_id));
  return deliveries.filter(({ orderId }) => inserted.has(orderId));
}

const newDeliveries = unnest<Delivery>("new", {
  order_id: ["text", ({ orderId }) => orderId],
  event_id: ["text", ({ eventId }) => eventId],
  customer_id: ["text", ({ customerId }) => customerId],
  tracking_number: ["text", ({ trackingNumber }) => trackingNumber],
  complete_time: ["timestamptz", ({ completeTime }) => completeTime],
});

/** A customer's claim of a guest's order. */
export type Claim = { readonly orderId: string; readonly customerId: string; readonly guestCustomerId: string };

const claims = unnest<Claim>("c", {
  order_id: ["text", ({ orderId }) => orderId],
  customer_id: ["text", ({ customerId }) => customerId],
  guest_customer_id: ["text", ({ guestCustomerId }) => guestCustomerId],
});

/** Makes the shipments and deliveries of guests' orders those of the customers who claimed them; idempotent. */
export async function moveClaimed(tx: Transaction, moved: readonly Claim[]): Promise<void> {
  for (const table of ["shipments", "delivery_log"]) {
    await tx.query({
      name: `move-claimed-${table}`,
      text: `update ${table} t set customer_id = c.customer_id from ${claims.table}
             where t.order_id = c.order_id and t.customer_id = c.guest_customer_id and c.customer_id <> ''`,
      values: claims.values(moved),
    });
  }
}
