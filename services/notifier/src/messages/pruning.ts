import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";

/**
 * Deletes messages when they are old, a thousand at a time.
 *
 * None of them comes again: the cursor has gone past their events. Should it be set back, the intake tells nobody of
 * events that are nearly so old; that it stops a day earlier is for clocks that differ.
 */
export function startPruning({ pool, log, keepDays }: { pool: Pool; log: Log; keepDays: number }): AsyncDisposable {
  return startLoop({
    name: "message-pruning",
    log,
    async run() {
      const count = await pruneMessages(pool, new Date(Date.now() - keepDays * 86_400_000));
      return count === limit ? "again" : { waitMs: 3_600_000 };
    },
  });
}

const limit = 1_000;

/** Deletes messages made before a time, but for those that still wait to be sent; says how many. */
export async function pruneMessages(pool: Pool, before: Date): Promise<number> {
  return await withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string; customer_id: string; is_unread: boolean }>({
      name: "find-old-messages",
      text: `select id, customer_id,
                    inbox_sequence is not null and read_time is null and delete_time is null as is_unread
             from messages where id < $1 and state <> 'PENDING' order by id limit $2`,
      values: [firstIdAt(before), limit],
    });
    const customerIds = [...new Set(rows.filter(({ is_unread }) => is_unread).map(({ customer_id }) => customer_id))];
    // The inbox before its messages, as everywhere, and always in the same order.
    await tx.query({
      name: "lock-inboxes",
      text: "select from inboxes where customer_id = any($1) order by customer_id for update",
      values: [customerIds],
    });
    await tx.query({
      name: "prune-messages",
      text: `with pruned as (
               delete from messages where id = any($1) and state <> 'PENDING'
               returning customer_id,
                         inbox_sequence is not null and read_time is null and delete_time is null as is_unread)
             update inboxes i set unread = i.unread - p.count
             from (select customer_id, count(*) from pruned where is_unread group by 1) p
             where i.customer_id = p.customer_id`,
      values: [rows.map(({ id }) => id)],
    });
    return rows.length;
  });
}

/** The ids are UUIDv7, which begin with the milliseconds since 1970: all made before have a smaller one. */
function firstIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
