import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { type Channel, kinds } from "./kind.ts";
import type { Message, NewMessage, State } from "./message.ts";

/**
 * Records messages, except those that exist for the same event, channel and recipient. The caller holds the cursor's lock,
 * so no other transaction records them meanwhile; if one does, the unique key fails this transaction.
 */
export async function insertMessages(tx: Transaction, messages: readonly NewMessage[]): Promise<void> {
  const fresh = await withoutRecorded(tx, messages);
  if (fresh.length === 0) {
    return;
  }
  const sequences = await numberInInboxes(tx, fresh);
  await tx.query({
    name: "insert-messages",
    text: `insert into messages (id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name,
                                 language, template_version, facts, state, last_error, try_time, send_time,
                                 inbox_sequence, traceparent)
           select id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name,
                  language, template_version, facts, state, last_error,
                  case state when 'PENDING' then now() + wait_ms * interval '1 ms' end,
                  case state when 'SENT' then now() end, inbox_sequence, traceparent
           from ${newMessages.table}`,
    values: newMessages.values(fresh.map((message) => ({ ...message, inboxSequence: sequences.get(message.id) }))),
  });
}

// The types of events whose messages wait for the next event of the order.
const interimTypes = kinds.flatMap(({ eventType, isInterim }) => (isInterim ? [eventType] : []));

// A saga that is not delayed ships long before this.
const interimDelayMs = 60_000;

const newMessages = unnest<NewMessage & { readonly inboxSequence: bigint | undefined }>("new", {
  id: ["text", ({ id }) => id],
  event_id: ["text", ({ eventId }) => eventId],
  event_type: ["text", ({ eventType }) => eventType],
  order_id: ["text", ({ orderId }) => orderId],
  cart_id: ["text", ({ cartId }) => cartId],
  customer_id: ["text", ({ customerId }) => customerId],
  channel: ["text", ({ channel }) => channel],
  recipient: ["text", ({ recipient }) => recipient],
  name: ["text", ({ name }) => name],
  language: ["text", ({ language }) => language],
  template_version: ["int", ({ templateVersion }) => templateVersion],
  facts: ["text", ({ facts }) => facts],
  state: ["text", ({ state }) => state],
  last_error: ["text", ({ lastError }) => lastError],
  wait_ms: ["int", ({ eventType }) => (interimTypes.includes(eventType) ? interimDelayMs : 0)],
  inbox_sequence: ["bigint", ({ inboxSequence }) => inboxSequence],
  traceparent: ["text", ({ traceparent }) => traceparent],
});

async function withoutRecorded(tx: Transaction, messages: readonly NewMessage[]): Promise<NewMessage[]> {
  if (messages.length === 0) {
    return [];
  }
  const { rows } = await tx.query<{ event_id: string; channel: string; recipient: string }>({
    name: "find-recorded",
    text: "select event_id, channel, recipient from messages where event_id = any($1)",
    values: [[...new Set(messages.map(({ eventId }) => eventId))]],
  });
  const recorded = new Set(rows.map(({ event_id, channel, recipient }) => `${event_id} ${channel} ${recipient}`));
  return messages.filter(({ eventId, channel, recipient }) => !recorded.has(`${eventId} ${channel} ${recipient}`));
}

const arrivals = unnest<readonly [customerId: string, messages: readonly NewMessage[]]>("new", {
  customer_id: ["text", ([customerId]) => customerId],
  count: ["bigint", ([, { length }]) => length],
});

/** Locks the inboxes in id order and raises their counters. Returns the sequence of each new message in its inbox. */
async function numberInInboxes(tx: Transaction, messages: readonly NewMessage[]): Promise<Map<string, bigint>> {
  const byCustomer = Map.groupBy(
    messages.filter(({ channel, state }) => channel === "INBOX" && state === "SENT"),
    ({ customerId }) => customerId,
  );
  const sequences = new Map<string, bigint>();
  if (byCustomer.size === 0) {
    return sequences;
  }
  const { rows } = await tx.query<{ customer_id: string; sequence: bigint }>({
    name: "number-in-inboxes",
    text: `insert into inboxes as i (customer_id, sequence, unread)
           select customer_id, count, count from ${arrivals.table}
           order by customer_id
           on conflict (customer_id) do update
             set sequence = i.sequence + excluded.sequence, unread = i.unread + excluded.unread
           returning customer_id, sequence`,
    values: arrivals.values([...byCustomer]),
  });
  for (const { customer_id, sequence } of rows) {
    const own = byCustomer.get(customer_id) ?? [];
    for (const [index, { id }] of own.entries()) {
      sequences.set(id, sequence - BigInt(own.length - 1 - index));
    }
  }
  return sequences;
}

/** Suppresses the waiting messages about interim states of these orders, which have moved on. */
export async function suppressInterim(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) {
    await tx.query({
      name: "suppress-interim",
      text: `update messages set state = 'SUPPRESSED', try_time = null, last_error = 'the order moved on before the message was due'
             where order_id = any($1) and event_type = any($2) and state = 'PENDING' and attempts = 0`,
      values: [orderIds, interimTypes],
    });
  }
}

/** Finds the addresses that the checkouts of these orders named, by the latest mail about each. */
export async function findRecipients(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<Map<string, { recipient: string; name: string }>> {
  const { rows } = await tx.query<{ order_id: string; recipient: string; name: string }>({
    name: "find-recipients",
    text: `select distinct on (order_id) order_id, recipient, name from messages
           where order_id = any($1) and channel = 'EMAIL'
             and case when facts is json object then facts::jsonb->>'contactEmail' end <> ''
           order by order_id, id desc`,
    values: [orderIds],
  });
  return new Map(rows.map(({ order_id, ...to }) => [order_id, to]));
}

const claims = unnest<{ readonly orderId: string; readonly customerId: string; readonly guestCustomerId: string }>(
  "c",
  {
    order_id: ["text", ({ orderId }) => orderId],
    customer_id: ["text", ({ customerId }) => customerId],
    guest_customer_id: ["text", ({ guestCustomerId }) => guestCustomerId],
  },
);

/** Makes the messages about guests' orders those of the customers who claimed the orders; idempotent. */
export async function moveClaimed(tx: Transaction, moved: Parameters<typeof claims.values>[0]): Promise<void> {
  await tx.query({
    name: "move-claimed-messages",
    text: `update messages m set customer_id = c.customer_id from ${claims.table}
           where m.customer_id = c.guest_customer_id and m.order_id = c.order_id and m.channel = 'EMAIL'`,
    values: claims.values(moved),
  });
}

/** Finds a message by its id. */
export async function findMessage(db: Queryable, id: string): Promise<Message | undefined> {
  const { rows } = await db.query<Row>({ name: "find-message", text: `${select} and id = $1`, values: [id] });
  return rows.map(toMessage)[0];
}

export type MessageFilter = {
  readonly customerId: string;
  readonly orderId: string;
  readonly state: State | "";
  readonly channel: Channel | "";
  /** Only messages older than this id; "" starts at the newest. Ids are UUIDv7, which sort by time. */
  readonly beforeId: string;
  readonly limit: number;
};

/** Lists messages, newest first. A filter of "" matches all. */
export async function listMessages(db: Queryable, filter: MessageFilter): Promise<Message[]> {
  const conditions = [
    ["customer_id = ", filter.customerId],
    ["order_id = ", filter.orderId],
    ["state = ", filter.state],
    ["channel = ", filter.channel],
    ["id < ", filter.beforeId],
  ].filter(([, value]) => value !== "");
  const { rows } = await db.query<Row>({
    text: [
      select,
      ...conditions.map(([condition], index) => `and ${condition}$${index + 2}`),
      "order by id desc limit $1",
    ].join(" "),
    values: [filter.limit, ...conditions.map(([, value]) => value)],
  });
  return rows.map(toMessage);
}

/** Makes a FAILED message PENDING again, with all its attempts. Returns undefined if it was not FAILED. */
export async function retryMessage(db: Queryable, id: string): Promise<Message | undefined> {
  const { rows } = await db.query<Row>({
    name: "retry-message",
    text: `update messages set state = 'PENDING', attempts = 0, try_time = now() where id = $1 and state = 'FAILED'
           returning ${columns}`,
    values: [id],
  });
  return rows.map(toMessage)[0];
}

/** Counts the messages still to be sent. */
export async function countPending(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ count: bigint }>({
    name: "count-pending",
    text: "select count(*) from messages where try_time is not null",
  });
  return rows[0]?.count ?? 0n;
}

/** Returns the age of the oldest message still to be sent, in seconds; 0 if there is none. */
export async function oldestPendingSeconds(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ seconds: number }>({
    name: "oldest-pending",
    text: `select extract(epoch from now() - create_time)::float8 as seconds from messages
           where state = 'PENDING' order by id limit 1`,
  });
  return rows[0]?.seconds ?? 0;
}

type Row = {
  id: string;
  event_id: string;
  event_type: string;
  order_id: string;
  cart_id: string;
  customer_id: string;
  channel: Message["channel"];
  recipient: string;
  name: string;
  language: Message["language"];
  template_version: number;
  facts: string;
  state: State;
  attempts: number;
  last_error: string;
  create_time: Date;
  send_time: Date | null;
};

const columns = `id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name, language,
                 template_version, facts, state, attempts, last_error, create_time, send_time`;
const select = `select ${columns} from messages where delete_time is null`;

function toMessage(row: Row): Message {
  const { id, channel, recipient, name, language, facts, state, attempts } = row;
  return {
    ...{ id, channel, recipient, name, language, facts, state, attempts },
    eventId: row.event_id,
    eventType: row.event_type,
    orderId: row.order_id,
    cartId: row.cart_id,
    customerId: row.customer_id,
    templateVersion: row.template_version,
    lastError: row.last_error,
    createTime: row.create_time,
    sendTime: row.send_time,
  };
}
