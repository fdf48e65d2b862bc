import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { type Channel, kinds } from "./kind.ts";
import type { Message, NewMessage, State } from "./message.ts";

/**
 * Records messages; those that are there already (the same event, channel and recipient) are left as they are. The
 * caller holds the lock of the cursor, so that nobody records the same meanwhile; should somebody, the unique key
 * fails the transaction.
 */
export async function insertMessages(tx: Transaction, messages: readonly NewMessage[]): Promise<void> {
  const fresh = await leaveOutRecorded(tx, messages);
  if (fresh.length === 0) {
    return;
  }
  const sequences = await numberInInboxes(tx, fresh);
  await tx.query({
    name: "insert-messages",
    text: `insert into messages (id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name,
                                 language, template_version, facts, state, last_error, try_time, send_time,
                                 inbox_sequence)
           select id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name,
                  language, template_version, facts, state, last_error,
                  case state when 'PENDING' then now() + wait_ms * interval '1 ms' end,
                  case state when 'SENT' then now() end, inbox_sequence
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::text[], $10::text[], $11::int[], $12::text[], $13::text[], $14::text[], $15::int[],
                       $16::bigint[])
             as new (id, event_id, event_type, order_id, cart_id, customer_id, channel, recipient, name, language,
                     template_version, facts, state, last_error, wait_ms, inbox_sequence)`,
    values: [
      fresh.map(({ id }) => id),
      fresh.map(({ eventId }) => eventId),
      fresh.map(({ eventType }) => eventType),
      fresh.map(({ orderId }) => orderId),
      fresh.map(({ cartId }) => cartId),
      fresh.map(({ customerId }) => customerId),
      fresh.map(({ channel }) => channel),
      fresh.map(({ recipient }) => recipient),
      fresh.map(({ name }) => name),
      fresh.map(({ language }) => language),
      fresh.map(({ templateVersion }) => templateVersion),
      fresh.map(({ facts }) => facts),
      fresh.map(({ state }) => state),
      fresh.map(({ lastError }) => lastError),
      fresh.map(({ eventType }) => (overtaken.includes(eventType) ? overtakeMs : 0)),
      fresh.map(({ id }) => sequences.get(id) ?? null),
    ],
  });
}

/** The types of events whose messages wait for what comes next. */
const overtaken = kinds.flatMap(({ eventType, isOvertaken }) => (isOvertaken ? [eventType] : []));

/** A saga that nothing holds up has shipped what was paid long before. */
const overtakeMs = 60_000;

async function leaveOutRecorded(tx: Transaction, messages: readonly NewMessage[]): Promise<NewMessage[]> {
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

/** Locks the inboxes, always in the same order, and counts what comes into each. */
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
           select customer_id, count, count from unnest($1::text[], $2::bigint[]) as new (customer_id, count)
           order by customer_id
           on conflict (customer_id) do update
             set sequence = i.sequence + excluded.sequence, unread = i.unread + excluded.unread
           returning customer_id, sequence`,
    values: [[...byCustomer.keys()], [...byCustomer.values()].map(({ length }) => length)],
  });
  for (const { customer_id, sequence } of rows) {
    const own = byCustomer.get(customer_id) ?? [];
    for (const [index, { id }] of own.entries()) {
      sequences.set(id, sequence - BigInt(own.length - 1 - index));
    }
  }
  return sequences;
}

/** What waited to see whether these orders go on, and now need not be sent. */
export async function suppressOvertaken(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) {
    await tx.query({
      name: "suppress-overtaken",
      text: `update messages set state = 'SUPPRESSED', try_time = null, last_error = 'the order went on before it was due'
             where order_id = any($1) and event_type = any($2) and state = 'PENDING' and attempts = 0`,
      values: [orderIds, overtaken],
    });
  }
}

/** Where earlier mail about these orders went, and to whom. */
export async function findRecipients(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<Map<string, { recipient: string; name: string }>> {
  const { rows } = await tx.query<{ order_id: string; recipient: string; name: string }>({
    name: "find-recipients",
    text: `select distinct on (order_id) order_id, recipient, name from messages
           where order_id = any($1) and channel = 'EMAIL' order by order_id, id desc`,
    values: [orderIds],
  });
  return new Map(rows.map(({ order_id, ...to }) => [order_id, to]));
}

/** A message by its id. */
export async function findMessage(db: Queryable, id: string): Promise<Message | undefined> {
  const { rows } = await db.query<Row>({ name: "find-message", text: `${select} and id = $1`, values: [id] });
  return rows.map(toMessage)[0];
}

export type MessageFilter = {
  readonly customerId: string;
  readonly orderId: string;
  readonly state: State | "";
  readonly channel: Channel | "";
  /** Only those older than the message with this id; "" begins at the newest. Ids are UUIDv7: they sort by time. */
  readonly beforeId: string;
  readonly limit: number;
};

/** Messages, newest first. A filter that is "" lets all through. */
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

/** Makes a message that was given up PENDING again, with all its tries before it; undefined where it was not. */
export async function retryMessage(db: Queryable, id: string): Promise<Message | undefined> {
  const { rows } = await db.query<Row>({
    name: "retry-message",
    text: `update messages set state = 'PENDING', attempts = 0, try_time = now() where id = $1 and state = 'FAILED'
           returning ${columns}`,
    values: [id],
  });
  return rows.map(toMessage)[0];
}

/** How many messages wait to be sent. */
export async function countPending(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ count: bigint }>({
    name: "count-pending",
    text: "select count(*) from messages where try_time is not null",
  });
  return rows[0]?.count ?? 0n;
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
