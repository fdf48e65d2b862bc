import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Circuit } from "./endpoint.ts";
import { giveUpPending } from "./endpoint-store.ts";

export type CircuitTerms = {
  /** Failures in a row after which the circuit opens. */
  failures: number;
  /** How long it stays open at first; doubles each time it opens again, up to 15 minutes. */
  pauseMs: number;
  /** Days of failures only after which an endpoint is disabled; 0 never disables it. */
  disableDays: number;
};

/**
 * Records a success: closes the circuit, and makes waiting retries due at once, since the cause of the failures is gone.
 */
export async function recordSuccess(pool: Pool, endpointId: string): Promise<void> {
  const { rowCount } = await pool.query({
    name: "webhook-endpoint-is-failing",
    text: "select from webhook_endpoints where id = $1 and failures > 0",
    values: [endpointId],
  });
  if (rowCount === 0) {
    return;
  }
  await withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ circuit: Circuit }>({
      name: "lock-webhook-circuit",
      text: "select circuit from webhook_endpoints where id = $1 and failures > 0 for update",
      values: [endpointId],
    });
    const wasOpen = rows[0] !== undefined && rows[0].circuit !== "CLOSED";
    await tx.query({
      name: "close-webhook-circuit",
      // Keep a pause that the endpoint requested while its circuit was closed.
      text: `update webhook_endpoints
             set circuit = 'CLOSED', failures = 0, failing_since = null, openings = 0,
                 resume_time = case when circuit = 'CLOSED' then resume_time end
             where id = $1 and failures > 0`,
      values: [endpointId],
    });
    if (wasOpen) {
      await tx.query({
        name: "retry-webhooks-now",
        // Deliveries that were never attempted are due already. Few were attempted, since an open circuit allows one at a
        // time. The limit keeps this from taking so long that the circuit cannot close.
        text: `update webhook_deliveries set try_time = now()
               where id = any(array(
                 select id from webhook_deliveries
                 where endpoint_id = $1 and state = 'PENDING' and not sending and try_time > now() limit 5000))
                 and state = 'PENDING' and not sending`,
        values: [endpointId],
      });
    }
  });
}

/**
 * Records a failure. Disables the endpoint if it did nothing but fail for `disableDays`; returns the reason if so. Nothing
 * is sent there for `requestedPauseMs`, from its Retry-After header.
 */
export async function recordFailure(
  pool: Pool,
  endpointId: string,
  { failures, pauseMs, disableDays, requestedPauseMs }: CircuitTerms & { requestedPauseMs: number },
): Promise<string | undefined> {
  return await withTransaction(pool, async (tx) => {
    // An open circuit stays as it is: this request was sent before it opened.
    const { rows } = await tx.query<{ disable: boolean }>({
      name: "record-webhook-failure",
      text: `update webhook_endpoints
             set failures = endpoint.failures + 1, failing_since = coalesce(endpoint.failing_since, now()),
                 circuit = case when opens then 'OPEN' else endpoint.circuit end,
                 openings = endpoint.openings + opens::int,
                 resume_time = greatest(
                   case when opens
                     then now() + least($3 * 2.0 ^ least(endpoint.openings, 20), 900000) * interval '1 ms'
                     else endpoint.resume_time end,
                   case when $4 > 0 then now() + $4 * interval '1 ms' end)
             from (select *, circuit = 'HALF_OPEN' or circuit = 'CLOSED' and failures + 1 >= $2 as opens
                   from webhook_endpoints where id = $1 for update) as endpoint
             where webhook_endpoints.id = endpoint.id
             returning webhook_endpoints.enabled and $5 > 0
               and webhook_endpoints.failing_since < now() - $5 * interval '1 day' as disable`,
      values: [endpointId, failures, pauseMs, requestedPauseMs, disableDays],
    });
    const why = rows[0]?.disable === true ? `all requests failed for ${disableDays} days` : undefined;
    if (why !== undefined) {
      await disable(tx, endpointId, why);
    }
    return why;
  });
}

/** Disables an endpoint that answered 410 (Gone). */
export async function recordGone(pool: Pool, endpointId: string): Promise<void> {
  await withTransaction(pool, (tx) => disable(tx, endpointId, "it answered 410 (Gone)"));
}

async function disable(tx: Transaction, endpointId: string, why: string): Promise<void> {
  const { rowCount } = await tx.query(
    `update webhook_endpoints
     set enabled = false, disabled_reason = $2, version = version + 1, update_time = now()
     where id = $1 and enabled`,
    [endpointId, why],
  );
  if (rowCount === 1) {
    await giveUpPending(tx, endpointId);
  }
}
