import type { Queryable } from "@sagacart/chassis/postgres";
import type { Contact, Message, NewMessage, State } from "./message.ts";

/** Records messages; those that are there already (the same event, channel and recipient) are left as they are. */
export async function insertMessages(db: Queryable, messages: readonly NewMessage[]): Promise<void> {
  if (messages.length === 0) {
    return;
  }
  await db.query({
    name: "insert-messages",
    text: `insert into messages (id, event_id, event_type, order_id, customer_id, channel, recipient, subject, text)
           select id, event_id, event_type, order_id, customer_id, 'EMAIL', recipient, subject, text
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
             as new (id, event_id, event_type, order_id, customer_id, recipient, subject, text)
           on conflict (event_id, channel, recipient) do nothing`,
    values: [
      messages.map(({ id }) => id),
      messages.map(({ eventId }) => eventId),
      messages.map(({ eventType }) => eventType),
      messages.map(({ orderId }) => orderId),
      messages.map(({ customerId }) => customerId),
      messages.map(({ recipient }) => recipient),
      messages.map(({ subject }) => subject),
      messages.map(({ text }) => text),
    ],
  });
}

/** A message by its id. */
export async function findMessage(db: Queryable, id: string): Promise<Message | undefined> {
  const { rows } = await db.query<Row>({ name: "find-message", text: `${select} where id = $1`, values: [id] });
  return rows.map(toMessage)[0];
}

export type MessageFilter = {
  readonly customerId: string;
  readonly orderId: string;
  readonly state: State | "";
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
    ["id < ", filter.beforeId],
  ].filter(([, value]) => value !== "");
  const where = conditions.map(([condition], index) => `${condition}$${index + 2}`).join(" and ");
  const { rows } = await db.query<Row>({
    text: `${select} ${where === "" ? "" : `where ${where}`} order by id desc limit $1`,
    values: [filter.limit, ...conditions.map(([, value]) => value)],
  });
  return rows.map(toMessage);
}

/** Makes a message that was given up PENDING again, with all its tries before it. */
export async function retryMessage(db: Queryable, id: string): Promise<void> {
  await db.query({
    name: "retry-message",
    text: "update messages set state = 'PENDING', attempts = 0, try_time = now() where id = $1 and state = 'FAILED'",
    values: [id],
  });
}

/** How many messages wait to be sent. */
export async function countPending(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ count: bigint }>({
    name: "count-pending",
    text: "select count(*) from messages where try_time is not null",
  });
  return rows[0]?.count ?? 0n;
}

/** Sets where a customer can be reached. */
export async function putContact(db: Queryable, { customerId, email, name }: Contact): Promise<void> {
  await db.query({
    name: "put-contact",
    text: `insert into contacts (customer_id, email, name) values ($1, $2, $3)
           on conflict (customer_id) do update set email = $2, name = $3, update_time = now()`,
    values: [customerId, email, name],
  });
}

/** Where these customers can be reached; those of whom we know nothing are left out. */
export async function findContacts(db: Queryable, customerIds: readonly string[]): Promise<Map<string, Contact>> {
  const { rows } = await db.query<{ customer_id: string; email: string; name: string }>({
    name: "find-contacts",
    text: "select customer_id, email, name from contacts where customer_id = any($1)",
    values: [customerIds],
  });
  return new Map(
    rows.map((row) => [row.customer_id, { customerId: row.customer_id, email: row.email, name: row.name }]),
  );
}

type Row = {
  id: string;
  event_id: string;
  event_type: string;
  order_id: string;
  customer_id: string;
  recipient: string;
  subject: string;
  text: string;
  state: State;
  attempts: number;
  last_error: string;
  create_time: Date;
  send_time: Date | null;
};

const select = `select id, event_id, event_type, order_id, customer_id, recipient, subject, text, state, attempts,
                       last_error, create_time, send_time from messages`;

function toMessage(row: Row): Message {
  return {
    id: row.id,
    eventId: row.event_id,
    eventType: row.event_type,
    orderId: row.order_id,
    customerId: row.customer_id,
    recipient: row.recipient,
    subject: row.subject,
    text: row.text,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error,
    createTime: row.create_time,
    sendTime: row.send_time,
  };
}
