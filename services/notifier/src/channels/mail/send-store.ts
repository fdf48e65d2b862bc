import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { MessageData } from "../../messages/message.ts";

/** A message to send now. */
export type Outgoing = MessageData & {
  readonly recipient: string;
  /** The number of attempts, this one included. */
  readonly attempts: number;
  /** Of the call that caused it, if that is traced. */
  readonly traceparent: string | null;
  /** True if the customer turned this kind off. */
  readonly isTurnedOff: boolean;
  /** True if the customer's account was deleted. */
  readonly isErased: boolean;
};

/** Claims up to `limit` due messages. No other process claims them for `leaseMs`. */
export async function claimMessages(
  db: Queryable,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Outgoing[]> {
  const { rows } = await db.query<Outgoing>({
    name: "claim-messages",
    text: `update messages m set attempts = attempts + 1, try_time = now() + $2 * interval '1 ms'
           where id in (select id from messages where try_time <= now()
                        order by try_time limit $1 for update skip locked)
           returning id, event_type as "eventType", order_id as "orderId", cart_id as "cartId",
                     customer_id as "customerId", channel, recipient, name, language,
                     template_version as "templateVersion", facts, attempts, create_time as "createTime", traceparent,
                     exists (select from turned_off t where t.customer_id = m.customer_id and t.channel = m.channel
                             and t.event_type = m.event_type) as "isTurnedOff",
                     exists (select from erasures e where e.customer_id = m.customer_id) as "isErased"`,
    values: [limit, leaseMs],
  });
  return rows;
}

/** Releases claimed messages that were not attempted. */
export async function releaseMessages(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) {
    await db.query({
      name: "release-messages",
      text: `update messages set attempts = attempts - 1, try_time = now()
             where id = any($1) and state = 'PENDING'`,
      values: [ids],
    });
  }
}

/** Records that the mail server accepted a message. */
export async function markSent(db: Queryable, id: string): Promise<void> {
  await db.query({
    name: "mark-sent",
    text: `update messages set state = 'SENT', try_time = null, send_time = now(), last_error = ''
           where id = $1 and state = 'PENDING'`,
    values: [id],
  });
}

/** Records that a message shall not be sent. */
export async function markSuppressed(db: Queryable, id: string, reason: string): Promise<void> {
  await db.query({
    name: "mark-suppressed",
    text: `update messages set state = 'SUPPRESSED', try_time = null, last_error = $2
           where id = $1 and state = 'PENDING'`,
    values: [id, reason],
  });
}

/** Records a failed attempt. The message is retried after `retryMs`, or given up if that is undefined. */
export async function markFailed(
  db: Queryable,
  { id, error, retryMs }: { id: string; error: string; retryMs: number | undefined },
): Promise<void> {
  await db.query({
    name: "mark-failed",
    text: `update messages
           set state = case when $3::float8 is null then 'FAILED' else 'PENDING' end,
               try_time = now() + $3 * interval '1 ms', last_error = $2
           where id = $1 and state = 'PENDING'`,
    values: [id, error, retryMs ?? null],
  });
}
