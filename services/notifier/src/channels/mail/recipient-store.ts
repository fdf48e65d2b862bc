import { createHash } from "node:crypto";
import type { Queryable } from "@sagacart/chassis/postgres/pool";

/**
 * Counts a mail to this address, unless `limit` mails went to its mailbox within the last hour. Returns false for a mail
 * that is over the limit. One statement, so that processes that send at the same time cannot exceed it together.
 */
export async function countMail(db: Queryable, recipient: string, limit: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "count-mail",
    text: `insert into recipient_mails as r (recipient, times, last_time)
           values ($1, array[clock_timestamp()], clock_timestamp())
           on conflict (recipient) do update
             set times = array(select t from unnest(r.times) as t where t > clock_timestamp() - interval '1 hour')
                         || excluded.times,
                 last_time = excluded.last_time
             where (select count(*) from unnest(r.times) as t where t > clock_timestamp() - interval '1 hour') < $2`,
    values: [createHash("sha256").update(mailboxOf(recipient)).digest(), limit],
  });
  return rowCount === 1;
}

/** Forgets the mailboxes without a mail in the last hour. */
export async function pruneMailCounts(db: Queryable): Promise<void> {
  await db.query({
    name: "prune-mail-counts",
    text: "delete from recipient_mails where last_time < clock_timestamp() - interval '1 hour'",
  });
}

/** Returns the mailbox behind an address: `Ada+shop@Example.com` and `ada@example.com` are read by the same person. */
function mailboxOf(address: string): string {
  const [, local = address, domain = ""] = /^([^@+]+)[^@]*@(.*)$/s.exec(address) ?? [];
  return `${local}@${domain}`.toLowerCase();
}
