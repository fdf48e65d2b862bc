import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { AddressJson } from "@sagacart/proto/type/v1/address";
import { addressJson, type Intent, type Kind, type Shipment, type State } from "./shipment.ts";

/**
 * Records shipments: a PICKUP as ACCEPTED, the others as PENDING, to be asked for after `firstAskMs` if the process that
 * recorded them is gone by then. Returns the orders whose shipment did not exist. The intents are sorted by order id, so
 * that two batches with the same orders do not deadlock.
 */
export async function insertShipments(
  tx: Transaction,
  intents: readonly Intent[],
  firstAskMs: number,
): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ order_id: string }>({
    name: "insert-shipments",
    text: `insert into shipments (order_id, customer_id, kind, state, address, event_sequence, ask_time)
           select order_id, customer_id,
                  case when address is null then 'PICKUP' else 'CARRIER' end,
                  case when address is null then 'ACCEPTED' else 'PENDING' end,
                  address,
                  case when address is null then 1 else 0 end,
                  case when address is null then null else now() + $1 * interval '1 ms' end
           from ${newShipments.table}
           on conflict (order_id) do nothing
           returning order_id`,
    values: [firstAskMs, ...newShipments.values(intents)],
  });
  return new Set(rows.map((row) => row.order_id));
}

const newShipments = unnest<Intent>(
  "new",
  {
    order_id: ["text", ({ orderId }) => orderId],
    customer_id: ["text", ({ customerId }) => customerId],
    address: ["jsonb", ({ address }) => (address === undefined ? null : JSON.stringify(addressJson(address)))],
  },
  2,
);

/** Finds the shipments of these orders; orders without one are left out. */
export async function findShipments(db: Queryable, orderIds: readonly string[]): Promise<Map<string, Shipment>> {
  const { rows } = await db.query<Row>({
    name: "find-shipments",
    text: `select ${columns} from shipments where order_id = any($1)`,
    values: [orderIds],
  });
  return new Map(rows.map((row) => [row.order_id, toShipment(row)]));
}

/** Finds the shipment of an order. */
export async function findShipment(db: Queryable, orderId: string): Promise<Shipment | undefined> {
  const shipments = await findShipments(db, [orderId]);
  return shipments.get(orderId);
}

/** Locks the shipments of these orders in the order of their ids, so that two transactions do not deadlock. */
export async function lockShipments(tx: Transaction, orderIds: readonly string[]): Promise<Map<string, Shipment>> {
  const { rows } = await tx.query<Row>({
    name: "lock-shipments",
    text: `select ${columns} from shipments where order_id = any($1) order by order_id for update`,
    values: [orderIds],
  });
  return new Map(rows.map((row) => [row.order_id, toShipment(row)]));
}

export type Settlement = {
  readonly orderId: string;
  readonly state: Exclude<State, "PENDING">;
  readonly trackingNumber: string;
  readonly refusalReason: string;
};

/** Moves shipments that the caller has locked to their states, and counts their event. Returns them as they are then. */
export async function settleShipments(tx: Transaction, settlements: readonly Settlement[]): Promise<Shipment[]> {
  if (settlements.length === 0) {
    return [];
  }
  const { rows } = await tx.query<Row>({
    name: "settle-shipments",
    text: `update shipments s
           set state = n.state, tracking_number = n.tracking_number, refusal_reason = n.refusal_reason,
               event_sequence = s.event_sequence + 1, ask_time = null, awaited = false, update_time = now()
           from ${settledShipments.table}
           where s.order_id = n.order_id
           returning s.order_id, customer_id, kind, s.state, address, s.tracking_number, s.refusal_reason,
                     recall_refusal, event_sequence, awaited, create_time, update_time`,
    values: settledShipments.values(settlements),
  });
  return rows.map(toShipment);
}

const settledShipments = unnest<Settlement>("n", {
  order_id: ["text", ({ orderId }) => orderId],
  state: ["text", ({ state }) => state],
  tracking_number: ["text", ({ trackingNumber }) => trackingNumber],
  refusal_reason: ["text", ({ refusalReason }) => refusalReason],
});

/** Records a tombstone for an order without a shipment, so that a later one is CANCELLED. Returns false if it has one. */
export async function insertTombstone(tx: Transaction, orderId: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "insert-tombstone",
    text: `insert into shipments (order_id, state, event_sequence) values ($1, 'CANCELLED', 1)
           on conflict (order_id) do nothing`,
    values: [orderId],
  });
  return rowCount === 1;
}

/** Lists the newest shipments after the one of `afterOrderId` ("": from the newest), of a customer or ("") of all. */
export async function listShipments(
  db: Queryable,
  { customerId, afterOrderId, limit }: { customerId: string; afterOrderId: string; limit: number },
): Promise<Shipment[]> {
  // Two statements each, and not "or": each is a range of one index.
  const whose = customerId === "" ? "$1 = ''" : "customer_id = $1";
  const after =
    afterOrderId === ""
      ? "$2 = ''"
      : "(create_time, order_id) < ((select create_time from shipments where order_id = $2), $2)";
  const { rows } = await db.query<Row>({
    text: `select ${columns} from shipments where ${whose} and ${after}
           order by create_time desc, order_id desc limit $3`,
    values: [customerId, afterOrderId, limit],
  });
  return rows.map(toShipment);
}

type Row = {
  order_id: string;
  customer_id: string;
  kind: Kind | null;
  state: State;
  address: AddressJson | null;
  tracking_number: string;
  refusal_reason: string;
  recall_refusal: string;
  event_sequence: bigint;
  awaited: boolean;
  create_time: Date;
  update_time: Date;
};

const columns = `order_id, customer_id, kind, state, address, tracking_number, refusal_reason, recall_refusal,
                 event_sequence, awaited, create_time, update_time`;

function toShipment(row: Row): Shipment {
  return {
    orderId: row.order_id,
    customerId: row.customer_id,
    kind: row.kind,
    state: row.state,
    address: row.address,
    trackingNumber: row.tracking_number,
    refusalReason: row.refusal_reason,
    recallRefusal: row.recall_refusal,
    eventSequence: row.event_sequence,
    awaited: row.awaited,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
