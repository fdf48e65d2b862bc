import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { AddressJson } from "@sagacart/proto/type/v1/address";
import { addressJson, type Intent, type Kind, type Shipment, type State } from "./shipment.ts";

/**
 * Records what is to be shipped, PICKUP as ACCEPTED and the rest as PENDING, to be asked for after `firstAskMs` by
 * whoever finds it then. Answers whose it recorded; the others were there before. The intents are sorted by order
 * id, so that two batches with the same orders wait for each other and not in a circle.
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
                  case when address is null then null else now() + $4 * interval '1 ms' end
           from unnest($1::text[], $2::text[], $3::jsonb[]) as new (order_id, customer_id, address)
           on conflict (order_id) do nothing
           returning order_id`,
    values: [
      intents.map(({ orderId }) => orderId),
      intents.map(({ customerId }) => customerId),
      intents.map(({ address }) => (address === undefined ? null : JSON.stringify(addressJson(address)))),
      firstAskMs,
    ],
  });
  return new Set(rows.map((row) => row.order_id));
}

/** The shipments of these orders; those that have none are left out. */
export async function findShipments(db: Queryable, orderIds: readonly string[]): Promise<Map<string, Shipment>> {
  const { rows } = await db.query<Row>({
    name: "find-shipments",
    text: `select ${columns} from shipments where order_id = any($1)`,
    values: [orderIds],
  });
  return new Map(rows.map((row) => [row.order_id, toShipment(row)]));
}

/** The shipment of an order. */
export async function findShipment(db: Queryable, orderId: string): Promise<Shipment | undefined> {
  const shipments = await findShipments(db, [orderId]);
  return shipments.get(orderId);
}

/** The same, locked until the transaction ends: in one order, so that nobody waits in a circle. */
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

/** Moves shipments that the caller has locked to their states, and counts their event. Answers them as they are now. */
export async function settleShipments(tx: Transaction, settlements: readonly Settlement[]): Promise<Shipment[]> {
  if (settlements.length === 0) {
    return [];
  }
  const { rows } = await tx.query<Row>({
    name: "settle-shipments",
    text: `update shipments s
           set state = n.state, tracking_number = n.tracking_number, refusal_reason = n.refusal_reason,
               event_sequence = s.event_sequence + 1, ask_time = null, awaited = false, update_time = now()
           from unnest($1::text[], $2::text[], $3::text[], $4::text[])
             as n (order_id, state, tracking_number, refusal_reason)
           where s.order_id = n.order_id
           returning s.order_id, customer_id, kind, s.state, address, s.tracking_number, s.refusal_reason,
                     event_sequence, awaited, create_time, update_time`,
    values: [
      settlements.map(({ orderId }) => orderId),
      settlements.map(({ state }) => state),
      settlements.map(({ trackingNumber }) => trackingNumber),
      settlements.map(({ refusalReason }) => refusalReason),
    ],
  });
  return rows.map(toShipment);
}

/** Records that an order's shipment is cancelled before it came. False where there is one already. */
export async function insertTombstone(tx: Transaction, orderId: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "insert-tombstone",
    text: `insert into shipments (order_id, state, event_sequence) values ($1, 'CANCELLED', 1)
           on conflict (order_id) do nothing`,
    values: [orderId],
  });
  return rowCount === 1;
}

/** The newest shipments after the one of `afterOrderId` ("" begins at the newest), one customer's or ("") all. */
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
  event_sequence: bigint;
  awaited: boolean;
  create_time: Date;
  update_time: Date;
};

const columns = `order_id, customer_id, kind, state, address, tracking_number, refusal_reason, event_sequence,
                 awaited, create_time, update_time`;

function toShipment(row: Row): Shipment {
  return {
    orderId: row.order_id,
    customerId: row.customer_id,
    kind: row.kind,
    state: row.state,
    address: row.address,
    trackingNumber: row.tracking_number,
    refusalReason: row.refusal_reason,
    eventSequence: row.event_sequence,
    awaited: row.awaited,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
