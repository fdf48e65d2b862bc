import { type Pool, type Queryable, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { MessageData } from "../../messages/message.ts";

/** A message in an inbox. */
export type InboxMessage = MessageData & { readonly readTime: Date | null; readonly sequence: bigint };

/** An inbox's counters: the number of its newest change, and its unread messages. */
export type InboxCounters = { readonly sequence: bigint; readonly unread: bigint };

export type Changes = InboxCounters & {
  readonly messages: readonly InboxMessage[];
  readonly deletedIds: readonly string[];
  /** True if more changes follow. */
  readonly isMore: boolean;
};

/** Reads the counters of inboxes. An inbox that never had a message is left out. */
export async function findCounters(db: Queryable, customerIds: readonly string[]): Promise<Map<string, InboxCounters>> {
  const { rows } = await db.query<InboxCounters & { customer_id: string }>({
    name: "find-inbox-counters",
    text: "select customer_id, sequence, unread from inboxes where customer_id = any($1)",
    values: [customerIds],
  });
  return new Map(rows.map(({ customer_id, ...counters }) => [customer_id, counters]));
}

/** Reads the counters of an inbox. */
export async function findCountersOf(db: Queryable, customerId: string): Promise<InboxCounters> {
  return (await findCounters(db, [customerId])).get(customerId) ?? { sequence: 0n, unread: 0n };
}

/** Lists messages of an inbox, newest first. `beforeId` "" starts at the newest. */
export async function listInbox(
  db: Queryable,
  {
    customerId,
    unreadOnly,
    beforeId,
    limit,
  }: { customerId: string; unreadOnly: boolean; beforeId: string; limit: number },
): Promise<InboxMessage[]> {
  const { rows } = await db.query<Row>({
    name: "list-inbox",
    text: `${select} where customer_id = $1 and inbox_sequence is not null and delete_time is null
             and (read_time is null or not $2) and ($3 = '' or id < $3)
           order by id desc limit $4`,
    values: [customerId, unreadOnly, beforeId, limit],
  });
  return rows.map(toMessage);
}

/**
 * Reads the changes of an inbox after a sequence, and its counters, in one statement so that they are consistent. A
 * sequence beyond the inbox's newest is from before a backup was restored: then all messages count as changed.
 */
export async function findChanges(
  db: Queryable,
  { customerId, after, limit }: { customerId: string; after: bigint; limit: number },
): Promise<Changes> {
  const { rows } = await db.query<InboxCounters & { [K in keyof Row]: Row[K] | null }>({
    name: "find-inbox-changes",
    text: `select i.sequence, i.unread, m.* from inboxes i left join lateral (
             ${select} where customer_id = i.customer_id
               and inbox_sequence > case when $2 > i.sequence then 0 else $2 end
             order by inbox_sequence limit $3) m on true
           where i.customer_id = $1 order by m.inbox_sequence`,
    values: [customerId, after, limit],
  });
  const { sequence, unread } = rows[0] ?? { sequence: 0n, unread: 0n };
  const changed = rows.filter((row): row is InboxCounters & Row => row.id !== null);
  const isMore = changed.length === limit;
  return {
    unread,
    isMore,
    sequence: isMore ? (changed.at(-1)?.inbox_sequence ?? sequence) : sequence,
    messages: changed.filter(({ delete_time }) => delete_time === null).map(toMessage),
    deletedIds: changed.filter(({ delete_time }) => delete_time !== null).map(({ id }) => id),
  };
}

/** Marks a message as read; idempotent. Returns undefined if the inbox has no such message. */
export async function markRead(
  pool: Pool,
  customerId: string,
  id: string,
): Promise<{ message: InboxMessage; unread: bigint } | undefined> {
  return await withTransaction(pool, async (tx) => {
    const counters = await lockInbox(tx, customerId);
    const { rowCount } = await tx.query({
      name: "mark-read",
      text: `update messages set read_time = now(), inbox_sequence = $3
             where id = $2 and customer_id = $1 and inbox_sequence is not null and read_time is null
               and delete_time is null`,
      values: [customerId, id, counters.sequence + 1n],
    });
    const now = rowCount === 1 ? { sequence: counters.sequence + 1n, unread: counters.unread - 1n } : counters;
    await setCounters(tx, customerId, now);
    const { rows } = await tx.query<Row>({
      name: "find-in-inbox",
      text: `${select} where id = $2 and customer_id = $1 and inbox_sequence is not null and delete_time is null`,
      values: [customerId, id],
    });
    return rows.map((row) => ({ message: toMessage(row), unread: now.unread }))[0];
  });
}

/** Marks the messages up to a sequence as read; 0 means all. Returns how many. */
export async function markAllRead(
  pool: Pool,
  customerId: string,
  upTo: bigint,
): Promise<{ marked: bigint; unread: bigint }> {
  return await withTransaction(pool, async (tx) => {
    const { sequence, unread } = await lockInbox(tx, customerId);
    const { rowCount } = await tx.query({
      name: "mark-all-read",
      text: `update messages set read_time = now(), inbox_sequence = $2 + n
             from (select id as read_id, row_number() over (order by inbox_sequence) as n from messages
                   where customer_id = $1 and inbox_sequence <= $3 and read_time is null and delete_time is null) as read
             where id = read_id`,
      values: [customerId, sequence, upTo === 0n ? sequence : upTo],
    });
    const marked = BigInt(rowCount ?? 0);
    await setCounters(tx, customerId, { sequence: sequence + marked, unread: unread - marked });
    return { marked, unread: unread - marked };
  });
}

/** Deletes a message; idempotent. Returns false if the inbox never had it. The content goes at once, the row by pruning. */
export async function deleteFromInbox(pool: Pool, customerId: string, id: string): Promise<boolean> {
  return await withTransaction(pool, async (tx) => {
    const { sequence, unread } = await lockInbox(tx, customerId);
    const { rows } = await tx.query<{ is_new: boolean; was_unread: boolean }>({
      name: "delete-from-inbox",
      text: `update messages set delete_time = coalesce(m.delete_time, now()), facts = '{}', name = '',
                    inbox_sequence = case when m.delete_time is null then $3 else m.inbox_sequence end
             from (select id, read_time, delete_time, inbox_sequence from messages
                   where id = $2 and customer_id = $1 and inbox_sequence is not null) as m
             where messages.id = m.id
             returning m.delete_time is null as is_new, m.delete_time is null and m.read_time is null as was_unread`,
      values: [customerId, id, sequence + 1n],
    });
    const found = rows[0];
    if (found?.is_new) {
      await setCounters(tx, customerId, { sequence: sequence + 1n, unread: found.was_unread ? unread - 1n : unread });
    }
    return found !== undefined;
  });
}

async function lockInbox(tx: Transaction, customerId: string): Promise<InboxCounters> {
  const { rows } = await tx.query<InboxCounters>({
    name: "lock-inbox",
    text: "select sequence, unread from inboxes where customer_id = $1 for update",
    values: [customerId],
  });
  return rows[0] ?? { sequence: 0n, unread: 0n };
}

async function setCounters(tx: Transaction, customerId: string, { sequence, unread }: InboxCounters): Promise<void> {
  await tx.query({
    name: "set-inbox-counters",
    text: "update inboxes set sequence = $2, unread = $3 where customer_id = $1 and sequence < $2",
    values: [customerId, sequence, unread],
  });
}

type Row = {
  id: string;
  event_type: string;
  order_id: string;
  cart_id: string;
  customer_id: string;
  channel: MessageData["channel"];
  name: string;
  language: MessageData["language"];
  template_version: number;
  facts: string;
  create_time: Date;
  read_time: Date | null;
  delete_time: Date | null;
  inbox_sequence: bigint;
};

const select = `select id, event_type, order_id, cart_id, customer_id, channel, name, language, template_version, facts,
                       create_time, read_time, delete_time, inbox_sequence from messages`;

function toMessage(row: Row): InboxMessage {
  const { id, channel, name, language, facts } = row;
  return {
    ...{ id, channel, name, language, facts },
    eventType: row.event_type,
    orderId: row.order_id,
    cartId: row.cart_id,
    customerId: row.customer_id,
    templateVersion: row.template_version,
    createTime: row.create_time,
    readTime: row.read_time,
    sequence: row.inbox_sequence,
  };
}
