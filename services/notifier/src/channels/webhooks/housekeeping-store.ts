import type { Queryable } from "@sagacart/chassis/postgres/pool";

/**
 * Gives up deliveries whose time is over and that were not attempted because the circuit is open, and those recorded for an
 * endpoint just as it was disabled. Returns how many, at most `limit`.
 */
export async function giveUpOverdue(db: Queryable, limit = 1_000): Promise<number> {
  const { rowCount } = await db.query({
    name: "give-up-overdue-webhooks",
    // The last attempt begins at expire_time and may still be running: wait much longer.
    text: `update webhook_deliveries as d
           set state = 'DEAD', try_time = null, sending = false, end_time = now(),
               last_error = case when over.enabled then d.last_error
                                 else 'the endpoint was disabled: ' || disabled_reason end
           from (select pending.id, enabled, disabled_reason from webhook_deliveries as pending
                 join webhook_endpoints as e on e.id = pending.endpoint_id
                 where state = 'PENDING' and try_time <= now()
                   and (not enabled or expire_time < now() - interval '10 minutes')
                 limit $1 for update of pending skip locked) as over
           where d.id = over.id`,
    values: [limit],
  });
  return rowCount ?? 0;
}

/** Deletes deliveries that ended long ago, and events without deliveries. Returns the number of deliveries, at most `limit`. */
export async function deleteOld(db: Queryable, keepDays: number, limit = 1_000): Promise<number> {
  const { rowCount } = await db.query({
    name: "delete-old-webhooks",
    text: `delete from webhook_deliveries where id = any(array(
             select id from webhook_deliveries where end_time < now() - $1 * interval '1 day' limit $2))`,
    values: [keepDays, limit],
  });
  await db.query({
    name: "delete-old-webhook-events",
    text: `delete from webhook_events where id = any(array(
             select id from webhook_events as e
             where time < now() - $1 * interval '1 day'
               and not exists (select from webhook_deliveries where event_id = e.id) limit $2))`,
    values: [keepDays, limit],
  });
  return rowCount ?? 0;
}
