import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Pool, type Queryable, withTransaction } from "@sagacart/chassis/postgres/pool";
import { type Event, EventSchema } from "@sagacart/proto/event/v1/event";
import type { Attempt } from "./delivery.ts";
import type { Circuit, ContentMode } from "./endpoint.ts";

/** An endpoint that something is to be sent to now. */
export type DueEndpoint = {
  readonly id: string;
  readonly url: string;
  readonly contentMode: ContentMode;
  readonly circuit: Circuit;
};

/** A delivery to send now. */
export type Outgoing = {
  readonly id: string;
  /** How often it has been tried, this time included; and since it was made or sent again. */
  readonly attempts: number;
  readonly retries: number;
  /** When it is given up. */
  readonly expireTime: Date;
  readonly event: Event;
};

export type Terms = {
  /** For so long nobody else takes what was claimed. */
  leaseMs: number;
  /** How long after its first try a delivery is given up. */
  giveUpMs: number;
};

/** Endpoints that may be sent to and have deliveries whose time has come; those with the oldest first. */
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
 * Takes deliveries of an endpoint whose circuit is CLOSED. Of a subject it takes the earliest that is PENDING, and none
 * while that is being sent or waits for its next try. What was sent again is outside of this order.
 */
export async function claimDeliveries(
  db: Queryable,
  endpointId: string,
  { limit, ...terms }: Terms & { limit: number },
): Promise<Outgoing[]> {
  return await claim(db, endpointId, { ...terms, limit, mayBeOpen: false });
}

/** Takes one delivery of an endpoint whose circuit is not CLOSED, where it is time to look: of all processes one does. */
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

/** Gives back what was taken and not sent. */
export async function releaseDelivery(db: Queryable, { id, attempts }: Outgoing): Promise<void> {
  await db.query({
    name: "release-webhook",
    text: `update webhook_deliveries
           set attempts = attempts - 1, retries = retries - 1, sending = false, try_time = now()
           where id = $1 and attempts = $2 and state = 'PENDING'`,
    values: [id, attempts],
  });
}

/** The endpoint has taken it. That counts also where the claim ran out, or the delivery was given up meanwhile. */
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
 * It failed, and is tried again after `retryMs`; or is given up, where that is undefined or it was given up meanwhile.
 * The later ones of its subject wait as long, so that nobody looks at them in vain. Somebody else's claim of it stands.
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
           forgotten as (
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
                 -- Looked up for each until there are enough. As "not exists" it is planned as a join with all that is
                 -- PENDING: 100 ms with a backlog of 100,000.
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

type Row = {
  id: string;
  attempts: number;
  retries: number;
  expire_time: Date;
  event_id: string;
  source: string;
  type: string;
  subject: string;
  sequence: bigint;
  position: bigint;
  time: Date;
  data: string;
  traceparent: string;
};

function outgoingOf({ id, attempts, retries, expire_time, event_id, time, ...event }: Row): Outgoing {
  return {
    id,
    attempts,
    retries,
    expireTime: expire_time,
    event: create(EventSchema, { ...event, id: event_id, time: timestampFromDate(time) }),
  };
}
