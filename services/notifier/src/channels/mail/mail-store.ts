import type { Queryable } from "@sagacart/chassis/postgres/pool";

/** A mail that the mailbox received. */
export type Mail = {
  readonly id: string;
  readonly messageId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The header List-Unsubscribe. */
  readonly unsubscribe: string;
  readonly receiveTime: Date;
};

/** Stores a mail. */
export async function insertMail(db: Queryable, mail: Omit<Mail, "receiveTime">): Promise<void> {
  await db.query({
    name: "insert-mail",
    text: `insert into mails (id, message_id, sender, recipients, subject, text, html, unsubscribe)
           values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [mail.id, mail.messageId, mail.from, mail.to, mail.subject, mail.text, mail.html, mail.unsubscribe],
  });
}

/** Lists mails, newest first. `to` "" matches any recipient; `beforeId` "" starts at the newest. */
export async function listMails(
  db: Queryable,
  { to, beforeId, limit }: { to: string; beforeId: string; limit: number },
): Promise<Mail[]> {
  const { rows } = await db.query<Row>(
    `${select} where ($1 = '' or recipients @> array[$1]) and ($2 = '' or id < $2) order by id desc limit $3`,
    [to.toLowerCase(), beforeId, limit],
  );
  return rows.map(toMail);
}

/** Finds a mail by its id. */
export async function findMail(db: Queryable, id: string): Promise<Mail | undefined> {
  const { rows } = await db.query<Row>(`${select} where id = $1`, [id]);
  return rows.map(toMail)[0];
}

type Row = {
  id: string;
  message_id: string;
  sender: string;
  recipients: string[];
  subject: string;
  text: string;
  html: string;
  unsubscribe: string;
  receive_time: Date;
};

const select = "select id, message_id, sender, recipients, subject, text, html, unsubscribe, receive_time from mails";

function toMail(row: Row): Mail {
  return {
    id: row.id,
    messageId: row.message_id,
    from: row.sender,
    to: row.recipients,
    subject: row.subject,
    text: row.text,
    html: row.html,
    unsubscribe: row.unsubscribe,
    receiveTime: row.receive_time,
  };
}
