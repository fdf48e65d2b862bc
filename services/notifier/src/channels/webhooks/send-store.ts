import { type Pool, type Queryable, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { Attempt } from "./delivery.ts";
import type { Circuit, ContentMode } from "./endpoint.ts";
import { type EventRow, eventOf } from "./event-row.ts";

/** An endpoint with deliveries to send now. */
export type DueEndpoint = {
  readonly id: string;
  readonly url: string;
  readonly contentMode: ContentMode;
  readonly circuit: Circuit;
};

/** A delivery to send now. */
export type Outgoing = {
  readonly id: string;
  /** The number of attempts, this one included. */
  readonly attempts: number;
  /** The attempts since it was created or resent. */
  readonly retries: number;
  /** When it is given up. */
  readonly expireTime: Date;
  readonly event: Event;
};

export type Terms = {
  /** How long no other process claims a claimed delivery. */
  leaseMs: number;
  /** How long after its first attempt a delivery is given up. */
  giveUpMs: number;
};

/** Finds the endpoints that may be sent to and have due deliveries, longest due first. */
export async function findDueEndpoints(db: Queryable): Promise<DueEndpoint[]> {
  const { rows } = await db.query<Omit<DueEndpoint, "contentMode"> & { content_mode: ContentMode }>({
    name: "find-due-webhook-endpoints",
    text: `select id, url, content_mode, circuit
           from webhook_endpoints as e, lateral (
             select min(try_time) as since from webhook_deliveries as d
             where d.endpoint_id = e.id and d.state = 'PENDING' and d.try_time <= now()) as due
           where enabled and (resume_time is null or resume_time <= now()) and since is not null
           order by since`,
  });
  return rows.map(({ content_mode, ...row }) => ({ ...row, contentMode: content_mode }));
}

/**
 * Claims deliveries of an endpoint whose circuit is CLOSED. Of each subject it claims only the earliest PENDING one, and
 * none while that is being sent or waits for a retry. Resent deliveries are exempt from this order.
 */
export async function claimDeliveries(
  db: Queryable,
  endpointId: string,
  { limit, ...terms }: Terms & { limit: number },
): Promise<Outgoing[]> {
  return await claim(db, endpointId, { ...terms, limit, mayBeOpen: false });
}

/** Claims one delivery to probe an endpoint whose circuit is not CLOSED, if its pause is over. Only one process does so. */
export async function claimProbe(pool: Pool, endpointId: string, terms: Terms): Promise<Outgoing[]> {
  return await withTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query({
      name: "lock-webhook-endpoint-to-probe",
      text: `select from webhook_endpoints where id = $1 and circuit <> 'CLOSED' and resume_time <= now()
             for update skip locked`,
      values: [endpointId],
    });
    const claimed = rowCount === 1 ? await claim(tx, endpointId, { ...terms, limit: 1, mayBeOpen: true }) : [];
    if (claimed.length > 0) {
      await tx.query({
        name: "half-open-webhook-circuit",
        text: `update webhook_endpoints set circuit = 'HALF_OPEN', resume_time = now() + $2 * interval '1 ms'
               where id = $1`,
        values: [endpointId, terms.leaseMs],
      });
    }
    return claimed;
  });
}

/** Releases a claimed delivery that was not sent. */
export async function releaseDelivery(db: Queryable, { id, attempts }: Outgoing): Promise<void> {
  await db.query({
    name: "release-webhook",
    text: `update webhook_deliveries
           set attempts = attempts - 1, retries = retries - 1, sending = false, try_time = now()
           where id = $1 and attempts = $2 and state = 'PENDING'`,
    values: [id, attempts],
  });
}

/** Records a success, even if the claim ran out or the delivery was given up meanwhile. */
export async function markDelivered(db: Queryable, id: string, attempt: Attempt): Promise<void> {
  await db.query({
    name: "mark-webhook-delivered",
    text: `with marked as (
             update webhook_deliveries
             set state = 'DELIVERED', try_time = null, sending = false, end_time = now(), last_error = ''
             where id = $1 and (state = 'PENDING' or state = 'DEAD' and attempts = $2) returning id)
           ${insertAttempt}`,
    values: [id, ...columnsOf(attempt)],
  });
}

/**
 * Records a failed attempt. The delivery is retried after `retryMs`, or given up if that is undefined or it was given up
 * meanwhile. Later ones of its subject wait as long, so that they are not looked at in vain. Does nothing if another
 * process has claimed it since.
 */
export async function markFailed(
  db: Queryable,
  id: string,
  { retryMs, ...attempt }: Attempt & { retryMs: number | undefined },
): Promise<void> {
  await db.query({
    name: "mark-webhook-failed",
    text: `with marked as (
             update webhook_deliveries as d
             set state = case when is_dead then 'DEAD' else 'PENDING' end, sending = false, last_error = $6,
                 try_time = case when not is_dead then now() + $8 * interval '1 ms' end,
                 end_time = case when is_dead then coalesce(end_time, now()) end
             from (select id, state = 'DEAD' or $8::float8 is null as is_dead from webhook_deliveries
                   where id = $1 and state in ('PENDING', 'DEAD') and attempts = $2 for update) as failed
             where d.id = failed.id
             returning d.id, endpoint_id, subject, position, try_time, resent),
           held as (
             update webhook_deliveries as later set try_time = marked.try_time from marked
             where later.endpoint_id = marked.endpoint_id and later.subject = marked.subject
               and later.position > marked.position and later.state = 'PENDING' and not later.resent
               and not marked.resent and later.try_time < marked.try_time),
           pruned as (
             delete from webhook_attempts using marked where delivery_id = marked.id and number <= $2 - 20)
           ${insertAttempt}`,
    values: [id, ...columnsOf(attempt), retryMs ?? null],
  });
}

async function claim(
  db: Queryable,
  endpointId: string,
  { limit, leaseMs, giveUpMs, mayBeOpen }: Terms & { limit: number; mayBeOpen: boolean },
): Promise<Outgoing[]> {
  const { rows } = await db.query<Row>({
    name: "claim-webhooks",
    text: `with next as (
             select id from webhook_deliveries as d
             where endpoint_id = $1 and state = 'PENDING' and try_time <= now()
               and (resent or position = (
                 -- A lookup for each row until there are enough. "not exists" would be planned as a join with all
                 -- PENDING rows: 100 ms with a backlog of 100,000.
                 select min(position) from webhook_deliveries as earliest
                 where earliest.endpoint_id = $1 and earliest.subject = d.subject and earliest.state = 'PENDING'
                   and not earliest.resent))
               and exists (
                 select from webhook_endpoints where id = $1 and enabled and ($5 or circuit = 'CLOSED')
                   and (resume_time is null or resume_time <= now()))
             order by try_time, position limit $2 for update skip locked)
           update webhook_deliveries as d
           set attempts = attempts + 1, retries = retries + 1, sending = true,
               try_time = now() + $3 * interval '1 ms',
               expire_time = coalesce(expire_time, now() + $4 * interval '1 ms')
           from next, webhook_events as e
           where d.id = next.id and e.id = d.event_id
           returning d.id, d.attempts, d.retries, d.expire_time, e.id as event_id, e.source, e.type, e.subject,
             e.sequence, e.position, e.time, e.data, e.traceparent`,
    values: [endpointId, limit, leaseMs, giveUpMs, mayBeOpen],
  });
  return rows.map(outgoingOf).sort((a, b) => (a.event.position < b.event.position ? -1 : 1));
}

const insertAttempt = `insert into webhook_attempts (delivery_id, number, time, status, duration_ms, error, answer)
  select id, $2, $3, $4, $5, $6, $7 from marked on conflict do nothing`;

function columnsOf({ number, time, status, durationMs, error, answer }: Attempt): unknown[] {
  return [number, time, status, durationMs, error, answer];
}

type Row = Omit<EventRow, "id"> & {
  id: string;
  attempts: number;
  retries: number;
  expire_time: Date;
  event_id: string;
};

function outgoingOf({ id, attempts, retries, expire_time, event_id, ...event }: Row): Outgoing {
  return { id, attempts, retries, expireTime: expire_time, event: eventOf({ ...event, id: event_id }) };
}
