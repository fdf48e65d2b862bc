import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { Attempt, Delivery, DeliveryState } from "./delivery.ts";
import { type EventRow, eventOf } from "./event-row.ts";

/** Finds a delivery by its id. */
export async function findDelivery(db: Queryable, id: string): Promise<Delivery | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-webhook-delivery",
    text: `${select} where d.id = $1`,
    values: [id],
  });
  return rows.map(deliveryOf)[0];
}

/** Lists deliveries, newest first. A filter of "" matches all. */
export async function listDeliveries(
  db: Queryable,
  filter: { endpointId: string; subject: string; state: DeliveryState | ""; beforeId: string; limit: number },
): Promise<Delivery[]> {
  const values: unknown[] = [filter.limit];
  const conditions: string[] = [];
  // Each filter has its own index. One statement for all filters would be planned for none of them.
  const when = (value: string, condition: (parameter: string) => string) => {
    if (value !== "") {
      values.push(value);
      conditions.push(condition(`$${values.length}`));
    }
  };
  when(filter.endpointId, (parameter) => `d.endpoint_id = ${parameter}`);
  when(filter.subject, (parameter) => `d.subject = ${parameter}`);
  when(filter.state, (parameter) => `d.state = ${parameter}`);
  when(filter.beforeId, (parameter) => `d.id < ${parameter}`);
  const where = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  const { rows } = await db.query<Row>(`${select} ${where} order by d.id desc limit $1`, values);
  return rows.map(deliveryOf);
}

/** Finds the event of a delivery. */
export async function findEvent(db: Queryable, deliveryId: string): Promise<Event | undefined> {
  const { rows } = await db.query<EventRow>({
    name: "find-webhook-event",
    text: `select e.id, e.source, e.type, e.subject, e.sequence, e.position, e.time, e.data, e.traceparent
           from webhook_deliveries d join webhook_events e on e.id = d.event_id where d.id = $1`,
    values: [deliveryId],
  });
  return rows.map(eventOf)[0];
}

/** Lists the last 20 attempts, newest first. */
export async function listAttempts(db: Queryable, deliveryId: string): Promise<Attempt[]> {
  const { rows } = await db.query<Omit<Attempt, "durationMs"> & { duration_ms: number }>({
    name: "list-webhook-attempts",
    text: `select number, time, status, duration_ms, error, answer from webhook_attempts
           where delivery_id = $1 order by number desc limit 20`,
    values: [deliveryId],
  });
  return rows.map(({ duration_ms, ...row }) => ({ ...row, durationMs: duration_ms }));
}

/**
 * Makes dead letters PENDING again, out of order and with their full time: one by its id, or the oldest of an endpoint.
 * Returns how many.
 */
export async function reviveDeliveries(
  db: Queryable,
  which: { id: string } | { endpointId: string; since: Date | undefined; limit: number },
): Promise<number> {
  const { rowCount } =
    "id" in which
      ? await db.query(`${revive} id = $1 and state = 'DEAD'`, [which.id])
      : await db.query(
          `${revive} id = any(array(select id from webhook_deliveries
                            where endpoint_id = $1 and state = 'DEAD' and create_time >= $2 order by id limit $3))
                     and state = 'DEAD'`,
          [which.endpointId, which.since ?? new Date(0), which.limit],
        );
  return rowCount ?? 0;
}

/** Counts open circuits and pending deliveries (up to 100,000), and returns the age of the oldest pending one in s. */
export async function measureDeliveries(
  db: Queryable,
): Promise<{ open: number; pending: number; oldestSeconds: number }> {
  const { rows } = await db.query<{ open: bigint; pending: bigint; seconds: number | null }>({
    name: "measure-webhooks",
    text: `select (select count(*) from webhook_endpoints where enabled and circuit <> 'CLOSED') as open,
             (select count(*) from
               (select from webhook_deliveries where state = 'PENDING' limit 100000) as counted) as pending,
             (select extract(epoch from now() - create_time)::float8
              from webhook_deliveries where state = 'PENDING' order by id limit 1) as seconds`,
  });
  return {
    open: Number(rows[0]?.open ?? 0),
    pending: Number(rows[0]?.pending ?? 0),
    oldestSeconds: rows[0]?.seconds ?? 0,
  };
}

const revive = `update webhook_deliveries
  set state = 'PENDING', resent = true, retries = 0, try_time = now(), expire_time = null, end_time = null where`;

const select = `select d.id, d.endpoint_id, d.event_id, e.type, d.subject, e.sequence, d.state, d.resent, d.attempts,
    d.last_error, d.try_time, d.create_time, d.end_time
  from webhook_deliveries as d join webhook_events as e on e.id = d.event_id`;

type Row = {
  id: string;
  endpoint_id: string;
  event_id: string;
  type: string;
  subject: string;
  sequence: bigint;
  state: DeliveryState;
  resent: boolean;
  attempts: number;
  last_error: string;
  try_time: Date | null;
  create_time: Date;
  end_time: Date | null;
};

function deliveryOf(row: Row): Delivery {
  return {
    id: row.id,
    endpointId: row.endpoint_id,
    eventId: row.event_id,
    eventType: row.type,
    subject: row.subject,
    sequence: row.sequence,
    state: row.state,
    resent: row.resent,
    attempts: row.attempts,
    lastError: row.last_error,
    tryTime: row.try_time,
    createTime: row.create_time,
    endTime: row.end_time,
  };
}
