import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { Draft } from "../../messages/message.ts";

/** A message to send now. */
export type Outgoing = Draft & {
  readonly recipient: string;
  /** How often it has been tried, this time included. */
  readonly attempts: number;
  /** Its customer turned it off since it was made. */
  readonly isTurnedOff: boolean;
};

/** Takes messages whose time has come. For `leaseMs` nobody else takes them. */
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
                     template_version as "templateVersion", facts, attempts, create_time as "createTime",
                     exists (select from turned_off t where t.customer_id = m.customer_id and t.channel = m.channel
                             and t.event_type = m.event_type) as "isTurnedOff"`,
    values: [limit, leaseMs],
  });
  return rows;
}

/** Gives back what was taken and not tried. */
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

/** The mail server has taken it. */
export async function markSent(db: Queryable, id: string): Promise<void> {
  await db.query({
    name: "mark-sent",
    text: `update messages set state = 'SENT', try_time = null, send_time = now(), last_error = ''
           where id = $1 and state = 'PENDING'`,
    values: [id],
  });
}

/** It is not to be sent. */
export async function markSuppressed(db: Queryable, id: string, reason: string): Promise<void> {
  await db.query({
    name: "mark-suppressed",
    text: `update messages set state = 'SUPPRESSED', try_time = null, last_error = $2
           where id = $1 and state = 'PENDING'`,
    values: [id, reason],
  });
}

/** It failed, and is tried again after `retryMs`; or is given up, where that is undefined. */
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
