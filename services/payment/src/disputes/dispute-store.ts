import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Dispute, DisputeState } from "./dispute.ts";

export type NewDispute = Pick<Dispute, "id" | "paymentId" | "amountMinor" | "reason" | "state">;

/** Records a dispute of a payment that the caller has locked. */
export async function insertDispute(tx: Transaction, dispute: NewDispute): Promise<void> {
  const { id, paymentId, amountMinor, reason, state } = dispute;
  await tx.query({
    name: "insert-dispute",
    text: `insert into disputes (id, place, payment_id, amount_minor, reason, state) values ($1, $2, $3, $4, $5, $6)`,
    values: [id, uuidv7(), paymentId, amountMinor, reason, state],
  });
}

/** Decides a dispute whose payment the caller has locked. */
export async function closeDispute(tx: Transaction, id: string, state: Exclude<DisputeState, "OPEN">): Promise<void> {
  await tx.query({
    name: "close-dispute",
    text: "update disputes set state = $2, update_time = now() where id = $1 and state = 'OPEN'",
    values: [id, state],
  });
}

/** Finds a dispute by its id. */
export async function findDispute(db: Queryable, id: string): Promise<Dispute | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-dispute",
    text: `${select} where d.id = $1`,
    values: [id],
  });
  return rows.map(toDispute)[0];
}

export type DisputeFilter = {
  readonly paymentId: string;
  readonly orderId: string;
  readonly state: DisputeState | "";
  readonly beforePlace: string;
  readonly limit: number;
};

/** Lists the newest disputes before this place, of a payment, of an order, in a state, or ("") of all. */
export async function listDisputes(db: Queryable, filter: DisputeFilter): Promise<Dispute[]> {
  const { paymentId, orderId, state, beforePlace, limit } = filter;
  const ofPayment = paymentId === "" ? "$1 = ''" : "d.payment_id = $1::uuid";
  const ofOrder = orderId === "" ? "$2 = ''" : "p.order_id = $2";
  const { rows } = await db.query<Row>({
    text: `${select} where ${ofPayment} and ${ofOrder} and ($3 = '' or d.state = $3) and d.place < $4::uuid
           order by d.place desc limit $5`,
    values: [paymentId, orderId, state, beforePlace, limit],
  });
  return rows.map(toDispute);
}

type Row = {
  id: string;
  place: string;
  payment_id: string;
  order_id: string | null;
  customer_id: string | null;
  currency: string;
  amount_minor: bigint;
  reason: string;
  state: DisputeState;
  create_time: Date;
  update_time: Date;
};

const select = `select d.id, d.place, d.payment_id, p.order_id, p.customer_id, p.currency, d.amount_minor, d.reason,
                       d.state, d.create_time, d.update_time
                from disputes d join payments p on p.id = d.payment_id`;

function toDispute(row: Row): Dispute {
  return {
    id: row.id,
    place: row.place,
    paymentId: row.payment_id,
    orderId: row.order_id ?? "",
    customerId: row.customer_id ?? "",
    currency: row.currency,
    amountMinor: row.amount_minor,
    reason: row.reason,
    state: row.state,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
