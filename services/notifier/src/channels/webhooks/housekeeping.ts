import type { Pool, Queryable } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Meters } from "./meters.ts";

/**
 * Once a minute: gives up what is over its time and was not tried because the circuit stands open, or what came for an
 * endpoint just as that was disabled; and forgets what ended long ago.
 */
export function startHousekeeping({
  pool,
  log,
  meters,
  keepDays,
}: {
  pool: Pool;
  log: Log;
  meters: Meters;
  keepDays: number;
}): AsyncDisposable {
  return startLoop({
    name: "webhook-housekeeping",
    log,
    async run() {
      const buried = await buryOverdue(pool);
      for (let n = 0; n < buried; n++) {
        meters.tried("dead");
      }
      const forgotten = await forgetOld(pool, keepDays);
      return buried === limit || forgotten === limit ? "again" : { waitMs: 60_000 };
    },
  });
}

const limit = 1_000;

/** Answers how many it gave up, at most 1,000. */
export async function buryOverdue(db: Queryable): Promise<number> {
  const { rowCount } = await db.query({
    name: "bury-overdue-webhooks",
    // The last try is at expire_time; only much later is it certain that there will be none.
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

/** Answers how many deliveries it forgot, at most 1,000. */
export async function forgetOld(db: Queryable, keepDays: number): Promise<number> {
  const { rowCount } = await db.query({
    name: "forget-old-webhooks",
    text: `delete from webhook_deliveries where id = any(array(
             select id from webhook_deliveries where end_time < now() - $1 * interval '1 day' limit $2))`,
    values: [keepDays, limit],
  });
  await db.query({
    name: "forget-old-webhook-events",
    text: `delete from webhook_events where id = any(array(
             select id from webhook_events as e
             where time < now() - $1 * interval '1 day'
               and not exists (select from webhook_deliveries where event_id = e.id) limit $2))`,
    values: [keepDays, limit],
  });
  return rowCount ?? 0;
}
