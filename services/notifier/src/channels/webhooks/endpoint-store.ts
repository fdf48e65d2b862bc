import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Circuit, ContentMode, Endpoint, EndpointContent } from "./endpoint.ts";

/** Creates an endpoint. Returns false if the id is taken. */
export async function insertEndpoint(tx: Transaction, id: string, content: EndpointContent): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "insert-webhook-endpoint",
    text: `insert into webhook_endpoints (id, url, event_types, description, content_mode, enabled, disabled_reason)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    values: [id, ...columnsOf(content)],
  });
  return rowCount === 1;
}

/** Writes a new version. `resetsFailures` is for a new URL or an endpoint enabled again: former failures mean nothing. */
export async function updateEndpoint(
  tx: Transaction,
  id: string,
  content: EndpointContent & { readonly resetsFailures: boolean },
): Promise<void> {
  await tx.query({
    name: "update-webhook-endpoint",
    text: `update webhook_endpoints
           set url = $2, event_types = $3, description = $4, content_mode = $5, enabled = $6, disabled_reason = $7,
               version = version + 1, update_time = now(),
               circuit = case when $8 then 'CLOSED' else circuit end, failures = case when $8 then 0 else failures end,
               failing_since = case when $8 then null else failing_since end,
               openings = case when $8 then 0 else openings end, resume_time = case when $8 then null else resume_time end
           where id = $1`,
    values: [id, ...columnsOf(content), content.resetsFailures],
  });
}

/** Finds an endpoint by its id. */
export async function findEndpoint(db: Queryable, id: string): Promise<Endpoint | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-webhook-endpoint",
    text: "select * from webhook_endpoints where id = $1",
    values: [id],
  });
  return rows.map(endpointOf)[0];
}

/** Finds an endpoint and locks it until the transaction ends. */
export async function lockEndpoint(tx: Transaction, id: string): Promise<Endpoint | undefined> {
  const { rows } = await tx.query<Row>({
    name: "lock-webhook-endpoint",
    text: "select * from webhook_endpoints where id = $1 for update",
    values: [id],
  });
  return rows.map(endpointOf)[0];
}

/** Lists endpoints by id. */
export async function listEndpoints(
  db: Queryable,
  { afterId, limit }: { afterId: string; limit: number },
): Promise<Endpoint[]> {
  const { rows } = await db.query<Row>({
    name: "list-webhook-endpoints",
    text: "select * from webhook_endpoints where id > $1 order by id limit $2",
    values: [afterId, limit],
  });
  return rows.map(endpointOf);
}

/** Counts endpoints. Takes a lock so that no other transaction creates one until this one ends. */
export async function countEndpoints(tx: Transaction): Promise<number> {
  await tx.query("select pg_advisory_xact_lock(hashtext('sagacart.notifier.webhook-endpoints'))");
  const { rows } = await tx.query<{ count: bigint }>("select count(*) from webhook_endpoints");
  return Number(rows[0]?.count ?? 0);
}

/** Deletes some of an endpoint's deliveries and disables it, or deletes the endpoint itself. Returns true when it is gone. */
export async function deleteEndpoint(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    "delete from webhook_deliveries where id = any(array(select id from webhook_deliveries where endpoint_id = $1 limit $2))",
    [id, rowsAtOnce],
  );
  if (rowCount === rowsAtOnce) {
    await tx.query("update webhook_endpoints set enabled = false where id = $1 and enabled", [id]);
    return false;
  }
  await tx.query("delete from webhook_endpoints where id = $1", [id]);
  return true;
}

/** Gives up the pending deliveries of a disabled endpoint: some at once, the rest in the background. Returns how many. */
export async function giveUpPending(db: Queryable, endpointId: string): Promise<number> {
  const { rowCount } = await db.query({
    name: "give-up-pending-webhooks",
    text: `update webhook_deliveries as d
           set state = 'DEAD', try_time = null, sending = false, end_time = now(),
               last_error = 'the endpoint was disabled: ' || disabled_reason
           from webhook_endpoints as e
           where e.id = $1 and d.state = 'PENDING' and d.id = any(array(
             select id from webhook_deliveries where endpoint_id = $1 and state = 'PENDING' limit $2))`,
    values: [endpointId, rowsAtOnce],
  });
  return rowCount ?? 0;
}

// Few enough for the statement timeout of some seconds.
const rowsAtOnce = 5_000;

type Row = {
  id: string;
  url: string;
  event_types: string[];
  description: string;
  content_mode: ContentMode;
  enabled: boolean;
  disabled_reason: string;
  version: bigint;
  circuit: Circuit;
  failures: number;
  failing_since: Date | null;
  resume_time: Date | null;
  create_time: Date;
  update_time: Date;
};

function endpointOf(row: Row): Endpoint {
  return {
    id: row.id,
    url: row.url,
    eventTypes: row.event_types,
    description: row.description,
    contentMode: row.content_mode,
    enabled: row.enabled,
    disabledReason: row.disabled_reason,
    version: row.version,
    circuit: row.circuit,
    failures: row.failures,
    failingSince: row.failing_since,
    resumeTime: row.resume_time,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

/** The disabled_reason of an endpoint that an operator disabled. */
const byRequest = "by request";

function columnsOf({ url, eventTypes, description, contentMode, enabled }: EndpointContent): unknown[] {
  return [url, eventTypes, description, contentMode, enabled, enabled ? "" : byRequest];
}
