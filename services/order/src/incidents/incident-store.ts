import { type Actor, type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { orderNotFound } from "../orders/order.ts";
import { microsOf, type TimeKey, timeOf } from "../time-key.ts";
import type { FailedAttempt, Incident, IncidentState } from "./incident.ts";

/**
 * Raises an incident, or updates the one that is open for this step of the order. Returns its id. Throws
 * ORDER_NOT_FOUND.
 */
export async function raiseIncident(db: Queryable, failed: FailedAttempt): Promise<string> {
  // Postgres does not store NUL, and an incident must be raised whatever the error contains.
  const error = failed.error.replaceAll("\0", "\uFFFD");
  const { rows } = await db.query<{ id: string }>({
    name: "raise-incident",
    text: `insert into incidents (id, order_id, step, workflow_id, error, attempts)
           select $1, id, $3, $4, $5, $6 from orders where id = $2
           on conflict (order_id, step) where state = 'OPEN' do update
           set workflow_id = excluded.workflow_id, error = excluded.error,
               -- A workflow that took over the order counts its attempts from 1.
               attempts = greatest(incidents.attempts, excluded.attempts), update_time = now()
           returning id`,
    values: [uuidv7(), failed.orderId, failed.step, failed.workflowId, error, failed.attempts],
  });
  const [incident] = rows;
  if (incident === undefined) {
    throw orderNotFound(failed.orderId);
  }
  return incident.id;
}

/** Resolves the incident that is open for this step of the order, if there is one: by default, because it succeeded. */
export async function clearIncident(
  db: Queryable,
  { orderId, step, resolution = "" }: { orderId: string; step: string; resolution?: string },
  actor: Actor,
): Promise<void> {
  await resolveIncidentOf(db, { orderId, step, resolution: resolution || "the step succeeded", actor });
}

/** Resolves the incident that is open for this step of the order, if there is one. */
export async function resolveIncidentOf(
  db: Queryable,
  { orderId, step, resolution, actor }: { orderId: string; step: string; resolution: string; actor: Actor },
): Promise<void> {
  await db.query({
    name: "resolve-incident-of",
    text: `update incidents set state = 'RESOLVED', resolution = $3, resolve_actor_kind = $4, resolve_actor_id = $5,
                               update_time = now()
           where order_id = $1 and step = $2 and state = 'OPEN'`,
    values: [orderId, step, resolution, actor.kind, actor.id],
  });
}

/** Loads an incident by its id, a UUID. */
export async function loadIncident(db: Queryable, id: string): Promise<Incident | undefined> {
  const { rows } = await db.query<Row>(`select ${columns} from incidents where id = $1`, [id]);
  return rows[0] && toIncident(rows[0]);
}

/** The filter of a list of incidents, and its page. */
export type IncidentFilter = {
  readonly state: IncidentState | undefined;
  /** "" matches any order. */
  readonly orderId: string;
  readonly after: TimeKey | undefined;
  readonly limit: number;
};

/** Lists a page of incidents, newest first, with the key of the last one if there are more. */
export async function listIncidents(
  db: Queryable,
  { state, orderId, after, limit }: IncidentFilter,
): Promise<{ incidents: Incident[]; more: TimeKey | undefined }> {
  const { rows } = await db.query<Row & { micros: bigint }>(
    `select ${columns}, ${microsOf("create_time")} as micros from incidents
     where ($1::text is null or state = $1) and ($2 = '' or order_id = $2)
       and ($3::bigint is null or (create_time, id) < (${timeOf("$3")}, $4::uuid))
     order by create_time desc, id desc limit $5`,
    [state ?? null, orderId, after?.micros ?? null, after?.id ?? null, limit + 1],
  );
  const shown = rows.slice(0, limit);
  return { incidents: shown.map(toIncident), more: rows.length > limit ? shown.at(-1) : undefined };
}

/** Records the request to retry the step at once. Returns undefined if the incident is not open. */
export async function requestRetry(db: Queryable, id: string, actor: Actor): Promise<Incident | undefined> {
  const { rows } = await db.query<Row>(
    `update incidents set retry_request_time = now(), retry_actor_kind = $2, retry_actor_id = $3, update_time = now()
     where id = $1 and state = 'OPEN' returning ${columns}`,
    [id, actor.kind, actor.id],
  );
  return rows[0] && toIncident(rows[0]);
}

/** Resolves an incident. Returns undefined if it is not open. */
export async function resolveIncident(
  db: Queryable,
  { id, resolution, actor }: { id: string; resolution: string; actor: Actor },
): Promise<Incident | undefined> {
  const { rows } = await db.query<Row>(
    `update incidents set state = 'RESOLVED', resolution = $2, resolve_actor_kind = $3, resolve_actor_id = $4,
                          update_time = now()
     where id = $1 and state = 'OPEN' returning ${columns}`,
    [id, resolution, actor.kind, actor.id],
  );
  return rows[0] && toIncident(rows[0]);
}

type Row = {
  id: string;
  order_id: string;
  step: string;
  workflow_id: string;
  error: string;
  attempts: number;
  state: IncidentState;
  resolution: string;
  retry_request_time: Date | null;
  retry_actor_kind: ActorRow["actor_kind"];
  retry_actor_id: string | null;
  resolve_actor_kind: ActorRow["actor_kind"];
  resolve_actor_id: string | null;
  create_time: Date;
  update_time: Date;
};

const columns = `id, order_id, step, workflow_id, error, attempts, state, resolution, retry_request_time,
  retry_actor_kind, retry_actor_id, resolve_actor_kind, resolve_actor_id, create_time, update_time`;

function toIncident(row: Row): Incident {
  return {
    id: row.id,
    orderId: row.order_id,
    step: row.step,
    workflowId: row.workflow_id,
    error: row.error,
    attempts: row.attempts,
    state: row.state,
    resolution: row.resolution,
    retryRequestTime: row.retry_request_time ?? undefined,
    retryRequestedBy: actorMessage(row.retry_actor_kind, row.retry_actor_id),
    resolvedBy: actorMessage(row.resolve_actor_kind, row.resolve_actor_id),
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
