import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";

/** Deletes up to `limit` messages made before a time, except those still to be sent. Returns how many it deleted. */
export async function pruneMessages(pool: Pool, before: Date, limit = 1_000): Promise<number> {
  return await withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string; customer_id: string; is_unread: boolean }>({
      name: "find-old-messages",
      text: `select id, customer_id,
                    inbox_sequence is not null and read_time is null and delete_time is null as is_unread
             from messages where id < $1 and state <> 'PENDING' order by id limit $2`,
      values: [firstIdAt(before), limit],
    });
    const customerIds = [...new Set(rows.filter(({ is_unread }) => is_unread).map(({ customer_id }) => customer_id))];
    // Lock inboxes before their messages, in id order, as everywhere: this avoids deadlocks.
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

/** Returns a lower bound of the ids made from a time on: UUIDv7s begin with the milliseconds since 1970. */
function firstIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
